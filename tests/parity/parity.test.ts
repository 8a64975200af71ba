// The golden files are torchvision 0.29 in float64; fixtures/parity/README.md has the rule of agreement.

import * as assert from 'node:assert/strict';
import { compareGolden } from '../../src/parity/compare';
import { fixturePath } from '../support';

describe('parity with the reference', function () {
  this.timeout(600_000);
  const agrees = (name: string) => async (): Promise<void> => {
    const { fields } = await compareGolden(fixturePath('parity', `${name}.json`));
    assert.deepEqual(
      fields.filter(({ ok }) => !ok),
      [],
    );
    assert.ok(fields.length > 5);
  };
  for (const name of ['efficientnet_lite0', 'efficientnet_lite2'])
    it(`${name} with its published weights`, agrees(name));
  it('efficientnet_lite0_fpn, testing and training', agrees('efficientnet_lite0_fpn'));
  for (const name of ['resnet18_fpn', 'resnet50_fpn', 'resnet50_fpn_v2', 'resnet101_fpn'])
    it(`[long] ${name}, testing and training`, agrees(name));
});
