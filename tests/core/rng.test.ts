import * as assert from 'node:assert/strict';
import { createRng, fnv1a32 } from '../../src/core/rng';

describe('core/rng', () => {
  it("draws the reference generator's numbers", () => {
    // parity/README.md: the first three draws for this name, computed in numpy.
    const rng = createRng(fnv1a32('backbone.body.conv1.weight'));
    const draws = [rng.next(), rng.next(), rng.next()];
    assert.deepEqual(draws, [0.3080804345663637, 0.4843154517002404, 0.8167619497980922]);
  });

  it('forks by name, whatever was drawn before', () => {
    const a = createRng(7);
    const b = createRng(7);
    b.next();
    assert.equal(a.fork('x').next(), b.fork('x').next());
    assert.notEqual(a.fork('x').next(), a.fork('y').next());
  });

  it('saves and restores its state', () => {
    const rng = createRng(3);
    rng.next();
    const state = rng.save();
    const next = rng.next();
    rng.restore(state);
    assert.equal(rng.next(), next);
  });

  it('shuffles without losing anything', () => {
    const shuffled = createRng(5).shuffle([0, 1, 2, 3, 4, 5, 6, 7]);
    assert.deepEqual([...shuffled].sort(), [0, 1, 2, 3, 4, 5, 6, 7]);
    assert.notDeepEqual(shuffled, [0, 1, 2, 3, 4, 5, 6, 7]);
  });
});
