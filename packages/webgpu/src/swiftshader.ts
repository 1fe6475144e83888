/**
 * SwiftShader, a Vulkan driver that runs on the CPU, for machines without a GPU: so that tests of WebGPU
 * code run everywhere. The npm package `@sparticuz/chromium` carries it, with the Vulkan loader, in
 * `bin/swiftshader.tar.br`.
 */
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants, tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import process from 'node:process';
import { isMainThread } from 'node:worker_threads';
import { brotliDecompressSync } from 'node:zlib';
import { WebGpuUnavailableError } from './errors.ts';

const driverManifest = 'vk_swiftshader_icd.json';
const loaderLibrary = 'libvulkan.so.1';
const folderPrefix = join(tmpdir(), 'nn-swiftshader-');
/** glibc's RTLD_NODELETE, which Node's constants lack. */
const keepLoaded = 0x1000;

/**
 * Makes SwiftShader the process's Vulkan driver. Call before Dawn is created. A driver that the user chose
 * with `VK_ICD_FILENAMES` or `VK_DRIVER_FILES` stays.
 */
export function useSwiftShader(): void {
  const chosen = process.env['VK_DRIVER_FILES'] || process.env['VK_ICD_FILENAMES'];
  // A parent process may have chosen ours; the loader is still missing in this one.
  if (chosen && !chosen.startsWith(folderPrefix)) return;
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new WebGpuUnavailableError(
      `webgpu: SwiftShader was asked for on ${process.platform} ${process.arch}, but the npm package ` +
        '@sparticuz/chromium carries it for Linux x64 only. Use the GPU of this machine.',
    );
  }
  if (!isMainThread) {
    throw new WebGpuUnavailableError(
      'webgpu: SwiftShader was asked for in a worker thread, whose process.env does not reach the driver ' +
        'loader. Ask for it on the main thread first, or set VK_ICD_FILENAMES before starting Node.',
    );
  }
  const folder = unpackSwiftShader();
  loadLibrary(join(folder, loaderLibrary));
  process.env['VK_ICD_FILENAMES'] = join(folder, driverManifest);
}

/** Unpacks the driver once per version into the temporary folder, and returns where it lies. */
function unpackSwiftShader(): string {
  const archive = findArchive();
  const folder = `${folderPrefix}${archive.version}`;
  if (existsSync(join(folder, driverManifest))) return folder;
  // Several processes may unpack at once: each into a folder of its own, of which one wins the name.
  const unfinished = `${folder}-${randomUUID()}`;
  mkdirSync(unfinished, { recursive: true });
  for (const file of readTar(brotliDecompressSync(readFileSync(archive.path)))) {
    writeFileSync(join(unfinished, basename(file.name)), file.content, { mode: 0o755 });
  }
  try {
    renameSync(unfinished, folder);
  } catch (error) {
    rmSync(unfinished, { recursive: true, force: true });
    if (!existsSync(join(folder, driverManifest))) throw error;
  }
  return folder;
}

function findArchive(): { path: string; version: string } {
  const require = createRequire(import.meta.url);
  let entry: string;
  try {
    entry = require.resolve('@sparticuz/chromium');
  } catch (cause) {
    throw new WebGpuUnavailableError(
      'webgpu: SwiftShader was asked for, but the package that carries it is not installed. ' +
        'Run: npm install --save-dev @sparticuz/chromium',
      { cause },
    );
  }
  let folder = dirname(entry);
  while (!existsSync(join(folder, 'bin', 'swiftshader.tar.br'))) {
    if (dirname(folder) === folder) {
      throw new WebGpuUnavailableError(
        `webgpu: the installed @sparticuz/chromium (${entry}) has no bin/swiftshader.tar.br. ` +
          'Install a version from 131 on.',
      );
    }
    folder = dirname(folder);
  }
  const manifest: unknown = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const version = (manifest as { version: string }).version;
  return { path: join(folder, 'bin', 'swiftshader.tar.br'), version };
}

/** The regular files of a tar archive (POSIX ustar: 512-byte headers, sizes in octal). */
function readTar(archive: Uint8Array): { name: string; content: Uint8Array }[] {
  const files: { name: string; content: Uint8Array }[] = [];
  const text = (from: number, length: number): string =>
    new TextDecoder().decode(archive.subarray(from, from + length)).replace(/\0.*$/s, '');
  for (let header = 0; header + 512 <= archive.length && archive[header] !== 0; ) {
    const size = Number.parseInt(text(header + 124, 12), 8);
    const type = text(header + 156, 1);
    if (type === '' || type === '0') {
      files.push({ name: text(header, 100), content: archive.subarray(header + 512, header + 512 + size) });
    }
    header += 512 + Math.ceil(size / 512) * 512;
  }
  return files;
}

/** Whether this system can load a Vulkan driver at all. Other systems than Linux do without. */
export function hasVulkanLoader(): boolean {
  return process.platform !== 'linux' || loadLibrary(loaderLibrary);
}

/**
 * Loads a library for good. Dawn opens `libvulkan.so.1` by name: one already loaded under that name serves
 * where the system has none.
 */
function loadLibrary(path: string): boolean {
  try {
    process.dlopen({ exports: {} }, path, constants.dlopen.RTLD_NOW | keepLoaded);
    return true;
  } catch (error) {
    // Node finds that it is no addon, and would unload it but for the flag.
    return /self-register/.test(String(error));
  }
}
