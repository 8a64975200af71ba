// The golden files are torchvision 0.29 in float64 (parity/README.md); the rule of agreement stands there too.

import * as assert from 'node:assert/strict';
import { compareGolden } from '../../src/parity/compare';
import { itWithShared, sharedPath } from '../support';

describe('parity with the reference', function () {
  this.timeout(600_000);
  const agrees = (name: string) => async (): Promise<void> => {
    const { fields } = await compareGolden(sharedPath('parity', `${name}.json`));
    assert.deepEqual(
      fields.filter(({ ok }) => !ok),
      [],
    );
    assert.ok(fields.length > 5);
  };
  itWithShared('EfficientNet-Lite0 with its published weights', agrees('efficientnet_lite0'));
  itWithShared('efficientnet_lite0_fpn, testing and training', agrees('efficientnet_lite0_fpn'));
  for (const name of ['resnet18_fpn', 'resnet50_fpn', 'resnet50_fpn_v2'])
    itWithShared(`[long] ${name}, testing and training`, agrees(name));
});
