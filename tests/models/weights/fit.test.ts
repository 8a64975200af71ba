// Weights that fit in part would give a model that nobody trained: they are refused, naming the first tensor.
import * as assert from 'node:assert/strict';
import * as path from 'node:path';
import { networkOf } from '../../../src/config/schema';
import { MaskRcnn } from '../../../src/models/mask_rcnn';
import { writeSafetensors } from '../../../src/models/weights/formats/safetensors';
import { loadState, modelTensors } from '../../../src/models/weights/load_state';
import { openWeights } from '../../../src/models/weights/open';
import { loadModel } from '../../../src/runs/load_model';
import { withTemporaryFolder } from '../../support';

const LIGHT = networkOf('efficientnet_lite0_fpn');
const NARROW = { ...LIGHT, fpnChannels: 16, box: { ...LIGHT.box, representationSize: 32 } };

/** The weights of a model in a file, some of its tensors left out. */
function save(file: string, model: MaskRcnn, keep: (name: string) => boolean = () => true): void {
  writeSafetensors(
    file,
    modelTensors(model).filter(({ name }) => keep(name)),
    {},
  );
}

describe('weights', function () {
  this.timeout(120_000);
  const models: MaskRcnn[] = [];
  const build = (...args: ConstructorParameters<typeof MaskRcnn>): MaskRcnn => {
    const model = new MaskRcnn(...args);
    models.push(model);
    return model;
  };
  afterEach(() => {
    for (const model of models.splice(0)) model.dispose();
  });

  it('of another shape are refused, the first named with both shapes', () =>
    withTemporaryFolder((folder) => {
      const file = path.join(folder, 'w.safetensors');
      save(file, build(NARROW, 1));
      const other = build({ ...NARROW, fpnChannels: 32 }, 2);
      assert.throws(
        () => loadState(other, openWeights(file), { otherClasses: true }),
        /tensors are of another shape, the first backbone\.fpn\..*: \[16, .*\] in the file, \[32, .*\] in the model/,
      );
    }));

  it('that leave a part of the model as it was are refused, whether they train or predict', () =>
    withTemporaryFolder((folder) => {
      const file = path.join(folder, 'w.safetensors');
      save(file, build(NARROW, 1), (name) => !name.startsWith('rpn.'));
      assert.throws(
        () => loadState(build(NARROW, 2), openWeights(file)),
        /tensors of the model are not in the file, the first rpn\./,
      );
    }));

  it('of another number of classes start a training, the predictors fresh, and predict nothing', () =>
    withTemporaryFolder((folder) => {
      const file = path.join(folder, 'w.safetensors');
      save(file, build({ ...NARROW, numClasses: 91 }, 1));
      const report = loadState(build(NARROW, 2), openWeights(file), { otherClasses: true });
      // Class scores, box offsets and masks, a weight and a bias each.
      assert.equal(report.replaced.length, 6);
      assert.throws(() => loadState(build(NARROW, 2), openWeights(file)), /of another shape/);
    }));

  it('of one class start each class of a training, as likely together as the one was', () =>
    withTemporaryFolder((folder) => {
      const file = path.join(folder, 'w.safetensors');
      const source = build({ ...NARROW, numClasses: 2 }, 1);
      save(file, source);
      const model = build({ ...NARROW, numClasses: 5 }, 2);
      const report = loadState(model, openWeights(file), { otherClasses: true });
      assert.deepEqual([report.spread.length, report.replaced.length], [6, 0]);
      const values = (of: MaskRcnn, name: string): number[] => [
        ...(of.parameters.get(name)?.variable.dataSync() ?? []),
      ];
      const bias = 'roi_heads.box_predictor.cls_score.bias';
      const [background, cell] = values(source, bias);
      const [first, ...classes] = values(model, bias);
      assert.equal(first, background);
      assert.equal(classes.length, 4);
      // Four classes, each a quarter as likely: exp(b - ln 4) = exp(b) / 4.
      for (const one of classes) assert.ok(Math.abs(one - (cell - Math.log(4))) < 1e-6);
      const masks = 'roi_heads.mask_predictor.mask_fcn_logits.bias';
      const [, drawn] = values(source, masks);
      assert.deepEqual(values(model, masks).slice(1), [drawn, drawn, drawn, drawn]);
      const offsets = 'roi_heads.box_predictor.bbox_pred.bias';
      assert.deepEqual(values(model, offsets).slice(16, 20), values(source, offsets).slice(4, 8));
    }));

  it('of a resnet18 are no resnet50_fpn_v2', () =>
    withTemporaryFolder((folder) => {
      const file = path.join(folder, 'w.safetensors');
      save(file, build({ ...NARROW, backbone: 'resnet18', fpnChannels: 256 }, 1));
      assert.throws(
        () => loadModel(file, { architecture: 'resnet50_fpn_v2' }),
        /are of another shape|are not in the file/,
      );
    }));

  it('that are refused leave the model as it was', () =>
    withTemporaryFolder((folder) => {
      const file = path.join(folder, 'w.safetensors');
      save(file, build(NARROW, 1), (name) => !name.startsWith('rpn.'));
      const model = build(NARROW, 2);
      const sum = (): number =>
        model.parameters.all().reduce((total, { variable }) => total + variable.dataSync()[0], 0);
      const before = sum();
      assert.throws(() => loadState(model, openWeights(file)));
      assert.equal(sum(), before);
    }));
});
