import { BACKBONES, type BackboneName, type BackboneSpec } from '../../config/architectures';
import type { ParameterStore } from '../../nn/parameters';
import type { Backbone, BackboneNorm } from './backbone';
import { EfficientNetLite } from './efficientnet_lite';
import { ResNet } from './resnet';

type Builder<F extends BackboneSpec['family']> = (
  store: ParameterStore,
  spec: Extract<BackboneSpec, { family: F }>,
  norm: BackboneNorm,
) => Backbone;

/** What builds the backbones of each family. */
const FAMILIES: { readonly [F in BackboneSpec['family']]: Builder<F> } = {
  resnet: (store, spec, norm) => new ResNet(store, spec, norm),
  efficientnet_lite: (store, spec, norm) => new EfficientNetLite(store, spec, norm),
};

/** Builds a backbone of the table; its parameters go into `store` under `backbone.body.`. */
export function buildBackbone(store: ParameterStore, name: BackboneName, norm: BackboneNorm): Backbone {
  const { spec } = BACKBONES[name];
  return (FAMILIES[spec.family] as Builder<BackboneSpec['family']>)(store, spec as never, norm);
}
