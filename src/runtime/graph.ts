// Just enough of TensorFlow's protocol buffers for a graph: graph.proto, node_def.proto, attr_value.proto, tensor.proto.
import type { Values } from './binding';

/** A message under construction. */
class Message {
  private bytes = Buffer.allocUnsafe(64);
  private length = 0;

  /** A field of whole numbers; negative ones take ten bytes, as the format wants. */
  int(field: number, value: number): this {
    return this.varint(field * 8).varint(value);
  }

  float(field: number, value: number): this {
    this.varint(field * 8 + 5).reserve(4);
    this.bytes.writeFloatLE(value, this.length);
    this.length += 4;
    return this;
  }

  /** Text, bytes or a message. */
  part(field: number, value: string | Uint8Array | Message): this {
    const bytes =
      value instanceof Message ? value.done() : typeof value === 'string' ? Buffer.from(value) : value;
    this.varint(field * 8 + 2)
      .varint(bytes.length)
      .reserve(bytes.length);
    this.bytes.set(bytes, this.length);
    this.length += bytes.length;
    return this;
  }

  done(): Buffer {
    return this.bytes.subarray(0, this.length);
  }

  private varint(value: number): this {
    this.reserve(10);
    if (value < 0) {
      let rest = BigInt.asUintN(64, BigInt(value));
      for (; rest > 127n; rest >>= 7n) this.bytes[this.length++] = Number(rest & 127n) | 128;
      this.bytes[this.length++] = Number(rest);
      return this;
    }
    let rest = value;
    for (; rest > 127; rest = Math.floor(rest / 128)) this.bytes[this.length++] = (rest % 128) | 128;
    this.bytes[this.length++] = rest;
    return this;
  }

  private reserve(count: number): void {
    if (this.length + count <= this.bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(this.bytes.length * 2, this.length + count));
    this.bytes.copy(grown, 0, 0, this.length);
    this.bytes = grown;
  }
}

/** The value of a node's attribute. */
export type GraphAttribute =
  | { readonly int: number | readonly number[] }
  | { readonly float: number | readonly number[] }
  | { readonly bool: boolean }
  | { readonly string: string }
  /** TensorFlow's number of a type. */
  | { readonly type: number }
  | { readonly shape: readonly number[] }
  | {
      readonly tensor: { readonly dtype: number; readonly shape: readonly number[]; readonly values: Values };
    };

function shapeMessage(shape: readonly number[]): Message {
  const message = new Message();
  for (const side of shape) message.part(2, new Message().int(1, side));
  return message;
}

function attributeMessage(attribute: GraphAttribute): Message {
  const message = new Message();
  if ('int' in attribute) {
    if (typeof attribute.int === 'number') return message.int(3, attribute.int);
    const list = new Message();
    for (const value of attribute.int) list.int(3, value);
    return message.part(1, list);
  }
  if ('float' in attribute) {
    if (typeof attribute.float === 'number') return message.float(4, attribute.float);
    const list = new Message();
    for (const value of attribute.float) list.float(4, value);
    return message.part(1, list);
  }
  if ('bool' in attribute) return message.int(5, attribute.bool ? 1 : 0);
  if ('string' in attribute) return message.part(2, attribute.string);
  if ('type' in attribute) return message.int(6, attribute.type);
  if ('shape' in attribute) return message.part(7, shapeMessage(attribute.shape));
  const { dtype, shape, values } = attribute.tensor;
  const content = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return message.part(8, new Message().int(1, dtype).part(2, shapeMessage(shape)).part(4, content));
}

/** The version of graphs that TensorFlow 2.21 writes. */
const PRODUCER = 1882;

/** A graph, node by node. */
export class GraphDef {
  private readonly message = new Message();

  /** @param inputs node, node:output, or ^node for one that must only have run. */
  node(
    name: string,
    op: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, GraphAttribute>> = {},
  ): void {
    const node = new Message().part(1, name).part(2, op);
    for (const input of inputs) node.part(3, input);
    for (const [key, value] of Object.entries(attributes))
      node.part(5, new Message().part(1, key).part(2, attributeMessage(value)));
    this.message.part(1, node);
  }

  done(): Uint8Array {
    return this.message.part(4, new Message().int(1, PRODUCER)).done();
  }
}
