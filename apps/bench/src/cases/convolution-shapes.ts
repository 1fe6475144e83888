// The convolutions of three networks.

export interface ConvolutionSizes {
  readonly batch: number;
  readonly inputs: number;
  readonly outputs: number;
  /** Height and width of the images. */
  readonly size: number;
  readonly window: number;
  readonly stride: number;
  readonly padding: number;
}

export interface ConvolutionShape extends ConvolutionSizes {
  readonly network: string;
  /** One filter for each channel. */
  readonly depthwise: boolean;
}

type Settings = Partial<Pick<ConvolutionShape, 'stride' | 'padding'>>;

function layers(
  network: string,
  batch: number,
): {
  plain(inputs: number, outputs: number, window: number, size: number, settings?: Settings): ConvolutionShape;
  depthwise(channels: number, size: number, settings?: Settings): ConvolutionShape;
} {
  const defaults = { network, batch, stride: 1, depthwise: false };
  return {
    plain: (inputs, outputs, window, size, settings) => ({
      ...defaults,
      inputs,
      outputs,
      window,
      size,
      padding: Math.floor(window / 2),
      ...settings,
    }),
    depthwise: (channels, size, settings) => ({
      ...defaults,
      inputs: channels,
      outputs: channels,
      window: 3,
      size,
      padding: 1,
      ...settings,
      depthwise: true,
    }),
  };
}

const leNet = layers('LeNet', 64);
const resNet = layers('ResNet-18', 4);
const mobileNet = layers('MobileNetV2', 4);

export const convolutionShapes: readonly ConvolutionShape[] = [
  leNet.plain(1, 6, 5, 28),
  leNet.plain(6, 16, 5, 14, { padding: 0 }),
  resNet.plain(3, 64, 7, 224, { stride: 2 }),
  resNet.plain(64, 64, 3, 56),
  resNet.plain(64, 128, 3, 56, { stride: 2 }),
  resNet.plain(64, 128, 1, 56, { stride: 2 }),
  resNet.plain(128, 128, 3, 28),
  resNet.plain(256, 256, 3, 14),
  resNet.plain(512, 512, 3, 7),
  mobileNet.plain(3, 32, 3, 224, { stride: 2 }),
  mobileNet.depthwise(32, 112),
  mobileNet.plain(16, 96, 1, 112),
  mobileNet.depthwise(96, 112, { stride: 2 }),
  mobileNet.plain(24, 144, 1, 56),
  mobileNet.depthwise(144, 56),
  mobileNet.plain(64, 384, 1, 14),
  mobileNet.depthwise(384, 14),
  mobileNet.plain(320, 1280, 1, 7),
];
