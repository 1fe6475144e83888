// Tensors as PNG pictures.
import { pad } from '@nn/functional';
import type { Tensor } from '@nn/tensor';
import { encode } from 'fast-png';
import { writeWhole } from './files.ts';

/** The bytes of a PNG file: greys [height, width] or colours [height, width, 3], from 0 to 1. */
export async function encodePng(pixels: Tensor): Promise<Uint8Array> {
  const [height, width, channels = 1] = pixels.shape;
  const bytes = pixels.clamp(0, 1).mul(255).round().to('uint8');
  return encode({ width, height, channels, depth: 8, data: await bytes.data<Uint8Array>() });
}

/** Writes greys [height, width] or colours [height, width, 3], from 0 to 1, as a PNG file; each pixel `scale` wide. */
export async function savePng(path: string, pixels: Tensor, scale: number = 1): Promise<void> {
  const large = pixels.repeatInterleave(scale, { dim: 0 }).repeatInterleave(scale, { dim: 1 });
  await writeWhole(path, await encodePng(large));
  console.log(`picture: ${path}`);
}

/** Puts images [count, height, width] side by side, with a line between them: [rows · height, columns · width]. */
export function imageGrid(images: Tensor, columns: number): Tensor {
  const framed = pad(images, [1, 1, 1, 1], { value: 1 });
  const [count, height, width] = framed.shape;
  return framed
    .reshape(count / columns, columns, height, width)
    .permute(0, 2, 1, 3)
    .reshape((count / columns) * height, columns * width);
}
