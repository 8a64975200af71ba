import * as assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { tableHtml } from '../../src/notebook/display';
import { frameOf } from '../../src/notebook/tables';

describe('tables of a notebook', () => {
  it('print themselves where they are the last value of a cell', () => {
    const text = inspect(frameOf([{ image: 'a', cells: 3 }]));
    assert.match(text, /image.*cells/);
    assert.match(text, /a\s.*3/);
    assert.doesNotMatch(text, /\$/, 'no field of the object');
  });

  it('are shown to three places, yes and no in words, and what is not known as a dash', () => {
    const html = tableHtml(frameOf([{ a: 0.12345, b: true, c: Number.NaN, d: 7 }]));
    assert.deepEqual(
      [...html.matchAll(/<td>([^<]*)<\/td>/g)].map((match) => match[1]),
      ['0.123', 'yes', '–', '7'],
    );
  });

  it('may be empty', () => {
    assert.equal(tableHtml(frameOf([])), '<p>an empty table</p>');
    assert.equal(inspect(frameOf([])), 'an empty table');
  });
});
