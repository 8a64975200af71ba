import { relu } from '../runtime/ops/elementwise';
import { type Scalar, type Tensor, tf } from '../runtime/tf';

/** The terms of a training loss by their names, in the order in which they are added up. */
export type Losses = Readonly<Record<string, Scalar>>;

/** The values of loss terms. */
export function readLosses(losses: Losses): Record<string, number> {
  return Object.fromEntries(Object.entries(losses).map(([name, term]) => [name, term.dataSync()[0]]));
}

/** The sum of loss terms, in their order. */
export function totalLoss(losses: Losses): Scalar {
  return tf.addN(Object.values(losses)) as Scalar;
}

/** A loss of zero that gives no gradient: what a term is when it has no samples. */
export function zeroLoss(): Scalar {
  return tf.scalar(0);
}

/** Mean binary cross entropy of logits against targets in 0..1; any shape. */
export function binaryCrossEntropyWithLogits(logits: Tensor, targets: Tensor): Scalar {
  // max(x, 0) - x t + log(1 + exp(-|x|)): no overflow for large logits.
  const loss = tf.add(
    tf.sub(relu(logits), tf.mul(logits, targets)),
    tf.log1p(tf.exp(tf.neg(tf.abs(logits)))),
  );
  return tf.mean(loss) as Scalar;
}

/** Mean cross entropy. @param logits [n, K] @param labels [n] class numbers in 0..K-1 */
export function softmaxCrossEntropy(logits: Tensor, labels: Int32Array): Scalar {
  const classes = logits.shape[1] as number;
  const target = tf.oneHot(tf.tensor1d(labels, 'int32'), classes);
  const logProbabilities = tf.logSoftmax(logits as import('../runtime/tf').Tensor2D);
  return tf.neg(tf.div(tf.sum(tf.mul(logProbabilities, target)), labels.length)) as Scalar;
}

/** Sum of smooth L1 (Girshick 2015, eq. 3) with the given beta, divided by `divisor`. */
export function smoothL1(predictions: Tensor, targets: Tensor, beta: number, divisor: number): Scalar {
  const difference = tf.sub(predictions, targets);
  const distance = tf.abs(difference);
  // min(d, beta) * (d - min(d, beta) / 2) / beta is d^2 / (2 beta) below beta and d - beta / 2 above it.
  const inner = tf.minimum(distance, beta);
  const loss = tf.div(tf.mul(inner, tf.sub(distance, tf.mul(inner, 0.5))), beta);
  return tf.div(tf.sum(loss), divisor) as Scalar;
}
