// What every example shares: choosing a device, and ending with a message and a status instead of a stack.

import { DeviceError, devices, NnError, nearestName, removeBackend } from '@nn/core';
import { cpu } from '@nn/cpu';
import { defaultDevice, interpreter, use } from '@nn/tensor';
import { Interrupted } from './training.ts';

const makers = {
  cpu: (threads: number | undefined) => cpu({ threads }),
  webgpu: async () => (await import('@nn/webgpu')).webgpu(),
  interpreter: () => interpreter(),
} as const;

/**
 * Puts a device in use.
 *
 * @throws {DeviceError} for an unknown name.
 */
export async function useDevice(name: string, threads?: number): Promise<string> {
  if (!Object.hasOwn(makers, name)) {
    const near = nearestName(name, Object.keys(makers));
    throw new DeviceError(
      `--device: there is no device '${name}'. ` +
        (near === undefined ? `Devices: ${Object.keys(makers).join(', ')}` : `Did you mean '${near}'?`),
    );
  }
  use(await makers[name as keyof typeof makers](threads));
  return defaultDevice();
}

/** Runs a program; what the user can do something about ends as one line and status 1. */
export async function run(program: () => Promise<void>): Promise<void> {
  try {
    await program();
  } catch (error) {
    if (error instanceof Interrupted) {
      console.log(`\n${error.message}`);
      return error.interrupt.leave();
    }
    if (!(error instanceof NnError)) throw error;
    console.error(`error: ${error.message}`);
    process.exitCode = 1;
  } finally {
    // Ends the devices' threads, so that the process can end.
    devices().forEach(removeBackend);
  }
}
