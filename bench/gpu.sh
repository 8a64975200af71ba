#!/bin/sh
# What is claimed of a GPU, looked at on one: golden files, captured steps against op by op, training and inference
# beside torchvision on the same card, memory, and how much of the time the card is idle. Under eight minutes on a card.
#   sh bench/gpu.sh [OUT]           on the card
#   sh bench/gpu.sh --small [OUT]   all of it in a small size, on whatever is there
# Set-up first: CYTOBENCH_DEVICE=gpu npm run setup. Without bench/.env (made by `bench train --against torchvision`, which
# needs a network) the peer is left out, and the file says so.
set -u
cd "$(dirname "$0")/.." || exit 1
small=
[ "${1:-}" = --small ] && small=1 && shift
out=$(realpath -m "${1:-bench/gpu_results}")
mkdir -p "$out" || exit 1
run="npx cytobench"
# What is looked at here is what a card is meant to run: on by request alone, until it has been seen to work on one.
export CYTOBENCH_CAPTURE=1
models="efficientnet_lite0_fpn resnet18_fpn resnet50_fpn resnet50_fpn_v2"
if [ -n "$small" ]; then train=64 infer=96 steps=3 pairs=1 cells=6; else train=512 infer=1024 steps=20 pairs=5 cells=100; fi
peer=
[ -x bench/.env/bin/python ] && bench/.env/bin/python -c 'import torchvision' 2>/dev/null && peer="--against torchvision"
failed=0
say() { echo "gpu.sh  $*" >&2; }
attempt() { # NAME COMMAND…: its JSON to OUT/NAME.json
  name=$1; shift; started=$(date +%s)
  "$@" > "$out/$name.json" 2> "$out/$name.log" || { failed=$((failed + 1)); say "FAILED $name: $(tail -n 1 "$out/$name.log")"; return; }
  say "ok $name, $(($(date +%s) - started)) s"
}

$run doctor --json > "$out/doctor.json" 2> "$out/doctor.log"
say "results go to $out; peer: ${peer:-left out, bench/.env is not there}"
for model in $models; do
  attempt "parity_$model" $run parity "tests/fixtures/parity/$model.json" --json
done
attempt captured node dist/bench/captured_steps.js "$(echo $models | tr ' ' ,)" "$train" "$steps"
if command -v nvidia-smi > /dev/null; then
  nvidia-smi --query-gpu=utilization.gpu,memory.used --format=csv,noheader,nounits -lms 100 > "$out/utilization.csv" &
  sampler=$!
fi
for model in $models; do
  attempt "train_$model" $run bench train --model "$model" --size $train --cells $cells --pairs $pairs $peer --json
  attempt "infer_$model" $run bench infer --model "$model" --size $infer --cells $cells --pairs $pairs $peer --json
done
if [ -n "${sampler:-}" ]; then
  kill "$sampler"
  # While only our own side works the card's share of time without a kernel is what is left of its utilization.
  nvidia-smi --query-gpu=utilization.gpu --format=csv,noheader,nounits -lms 100 > "$out/own_utilization.csv" &
  sampler=$!
  attempt own_train $run bench train --model resnet50_fpn_v2 --size $train --cells $cells --pairs 40 --json
  kill "$sampler"
  awk '$1 > 0 { busy += $1; n++ } END { if (n) printf "{\"idle\": %.2f, \"samples\": %d}\n", 1 - busy / n / 100, n }' \
    "$out/own_utilization.csv" > "$out/idle.json"
  say "idle share of a training step: $(cat "$out/idle.json")"
fi
attempt profile $run bench train --model resnet50_fpn_v2 --size $train --cells $cells --pairs 2 --profile "$out/trace.json" --json
node -e '
const fs = require("fs"), path = require("path"), folder = process.argv[1];
for (const file of fs.readdirSync(folder).filter((name) => /^(train|infer)_.*json$/.test(name))) {
  const text = fs.readFileSync(path.join(folder, file), "utf8");
  if (!text) continue;
  const { ours, peer, ratio, calls, peakRssMb, cardMemoryMb, peerCardMemoryMb, precision } = JSON.parse(text);
  console.log(file.slice(0, -5).padEnd(32), precision, `${ours.toFixed(3)} s`, peer ? `torchvision ${peer.toFixed(3)} s, ratio ${ratio.toFixed(2)}` : "no peer",
    `calls ${calls.eager} / ${calls.captured}`, cardMemoryMb ? `card ${cardMemoryMb} MB, peer ${peerCardMemoryMb ?? "?"} MB` : `${peakRssMb.toFixed(0)} MB`);
}' "$out"
say "$failed of its parts failed"
[ "$failed" -eq 0 ]
