/**
 * The bit flags of the WebGPU standard. Browsers have them as globals; Dawn in Node does not, and putting
 * them there would be a side effect of an import.
 */

export const bufferUsage = {
  mapRead: 0x0001,
  copySource: 0x0004,
  copyDestination: 0x0008,
  uniform: 0x0040,
  storage: 0x0080,
  queryResolve: 0x0200,
} as const;

export const mapModeRead = 0x0001;

export const shaderStageCompute = 0x4;
