import { inspect } from 'node:util';

/** Gives an object a text of a few lines that a notebook prints where the object is the last value of a cell. */
export function withCard<T extends object>(value: T, card: (value: T) => string): T {
  Object.defineProperty(value, inspect.custom, {
    value(this: T) {
      return card(this);
    },
    enumerable: false,
  });
  return value;
}
