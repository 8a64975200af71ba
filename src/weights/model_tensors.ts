import { scoped } from '../backend/scope';
import type { MaskRcnn } from '../detection/mask_rcnn';
import { toTorch } from '../layers/parameters';
import type { TensorToWrite } from './safetensors_write';

/** The model's tensors as a file takes them: torchvision's names and layout, read one at a time. */
export function modelTensors(model: MaskRcnn): TensorToWrite[] {
  return model.parameters.all().map(({ name, layout, torchShape, variable }) => ({
    name,
    dtype: 'float32' as const,
    shape: torchShape,
    data: () => scoped(() => toTorch(variable, layout, torchShape).dataSync<'float32'>()),
  }));
}
