// A whole module: imports, functions, exports, and the sections in the order that the format asks for.

import { ByteSink, type Code, flatten, name, unsigned, vector } from './encoding.ts';
import { type ValueType, valueTypeCodes } from './expression.ts';
import { type Callable, FunctionBuilder, type LocalsOf } from './function.ts';

export interface MemoryImport {
  readonly module: string;
  readonly name: string;
  /** In pages of 64 KiB; the memory given must have at least `minimum` and at most `maximum`. */
  readonly minimum: number;
  readonly maximum: number;
  readonly shared: boolean;
}

interface DefinedFunction {
  readonly callable: Callable;
  readonly builder: FunctionBuilder;
}

const sections = { type: 1, import: 2, function: 3, export: 7, code: 10 } as const;

export class ModuleBuilder {
  readonly #types: string[] = [];
  readonly #typeCodes: Code[] = [];
  readonly #imports: Code[] = [];
  readonly #exports: Code[] = [];
  readonly #functions: DefinedFunction[] = [];
  #importedFunctions = 0;

  importMemory(memory: MemoryImport): void {
    const flags = memory.shared ? 0x03 : 0x01;
    this.#imports.push([
      name(memory.module),
      name(memory.name),
      [0x02, flags, unsigned(memory.minimum), unsigned(memory.maximum)],
    ]);
  }

  /** Imports come before the first function of the module's own, as they come first in the index space. */
  importFunction(
    module: string,
    field: string,
    parameters: readonly ValueType[],
    results: readonly ValueType[],
  ): Callable {
    if (this.#functions.length > 0) {
      throw new TypeError(
        `importFunction: import ${module}.${field} before adding functions of the module's own.`,
      );
    }
    this.#imports.push([name(module), name(field), 0x00, unsigned(this.#typeIndex(parameters, results))]);
    return { index: this.#importedFunctions++, parameters, results };
  }

  /** Adds a function; with `exportName` JavaScript can call it. */
  function<const Parameters extends readonly ValueType[]>(
    parameters: Parameters,
    results: readonly ValueType[],
    body: (builder: FunctionBuilder, ...parameters: LocalsOf<Parameters>) => void,
    exportName?: string,
  ): Callable {
    const callable = { index: this.#importedFunctions + this.#functions.length, parameters, results };
    const builder = new FunctionBuilder(parameters);
    this.#functions.push({ callable, builder });
    body(builder, ...(builder.parameters as LocalsOf<Parameters>));
    if (exportName !== undefined) this.#exports.push([name(exportName), 0x00, unsigned(callable.index)]);
    return callable;
  }

  build(): Uint8Array<ArrayBuffer> {
    const typeIndices = this.#functions.map(({ callable }) =>
      unsigned(this.#typeIndex(callable.parameters, callable.results)),
    );
    const sink = new ByteSink();
    sink.append([0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]);
    const section = (id: number, content: Code): void => {
      const bytes = flatten(content);
      sink.append([id, unsigned(bytes.length)]);
      sink.appendBytes(bytes);
    };
    section(sections.type, vector(this.#typeCodes));
    if (this.#imports.length > 0) section(sections.import, vector(this.#imports));
    section(sections.function, vector(typeIndices));
    section(sections.export, vector(this.#exports));
    const bodies = this.#functions.map(({ builder }) => builder.encode());
    const countBytes = flatten(unsigned(bodies.length));
    const lengths = bodies.map((bytes) => flatten(unsigned(bytes.length)));
    const total = bodies.reduce((sum, bytes, index) => sum + bytes.length + (lengths[index]?.length ?? 0), 0);
    sink.append([sections.code, unsigned(countBytes.length + total)]);
    sink.appendBytes(countBytes);
    for (const [index, bytes] of bodies.entries()) {
      sink.appendBytes(lengths[index] as Uint8Array);
      sink.appendBytes(bytes);
    }
    return sink.finish();
  }

  #typeIndex(parameters: readonly ValueType[], results: readonly ValueType[]): number {
    const key = `${parameters.join()}>${results.join()}`;
    const known = this.#types.indexOf(key);
    if (known >= 0) return known;
    const codes = (types: readonly ValueType[]): Code => vector(types.map((type) => valueTypeCodes[type]));
    this.#typeCodes.push([0x60, codes(parameters), codes(results)]);
    return this.#types.push(key) - 1;
  }
}
