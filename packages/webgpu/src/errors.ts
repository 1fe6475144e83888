/** What can go wrong between this package and a GPU, as typed errors with stable codes. */

import { NnError, OutOfMemoryError } from '@nn/core';

/** There is no WebGPU here, or no adapter; the message says what to install or switch on. */
export class WebGpuUnavailableError extends NnError {
  constructor(message: string, options?: ErrorOptions) {
    super('NN_WEBGPU_UNAVAILABLE', message, options);
  }
}

/** The GPU went away: a driver reset, an unplugged card, or the browser took it back. */
export class DeviceLostError extends NnError {
  constructor(message: string, options?: ErrorOptions) {
    super(
      'NN_WEBGPU_DEVICE_LOST',
      `webgpu: the device was lost (${message}), and what it held with it. ` +
        'Create a new backend and load the last checkpoint.',
      options,
    );
  }
}

/** The WGSL compiler refused a kernel: a defect of this package. Carries the code and what was said of it. */
export class ShaderError extends NnError {
  readonly source: string;

  constructor(label: string, source: string, problems: string, options?: ErrorOptions) {
    super(
      'NN_WEBGPU_SHADER',
      `webgpu: the kernel ${label} does not compile: ${problems}\n` +
        `This is a defect of @nn/webgpu; please report it with this code:\n${numbered(source)}`,
      options,
    );
    this.source = source;
  }
}

/** WebGPU refused a command: a defect of this package. */
export class ValidationError extends NnError {
  constructor(message: string, options?: ErrorOptions) {
    super('NN_WEBGPU_VALIDATION', `${message}\nThis is a defect of @nn/webgpu; please report it.`, options);
  }
}

/** The backend was used after `dispose`. */
export class DisposedError extends NnError {
  constructor(what: string) {
    super('NN_WEBGPU_DISPOSED', `webgpu: ${what}, but the device was disposed. Create a new backend.`);
  }
}

/** The typed error for what an error scope caught, or `uncapturederror` reported. */
export function errorFromGpu(error: GPUError, during: string): NnError {
  // Dawn in Node does not put the error classes on globalThis, so the constructor's name is what is left.
  if (error.constructor.name === 'GPUOutOfMemoryError') {
    return new OutOfMemoryError(`webgpu: out of GPU memory during ${during}: ${error.message}`);
  }
  return new ValidationError(`webgpu: ${during} failed: ${error.message}`);
}

function numbered(source: string): string {
  return source
    .split('\n')
    .map((line, index) => `${String(index + 1).padStart(4)}  ${line}`)
    .join('\n');
}
