/**
 * The arrows between packages, as the architecture draws them, checked against what the sources import,
 * what the manifests declare and what the TypeScript projects reference.
 */
import { existsSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { parseSync } from 'oxc-parser';
import { filesBelow, type Package, packagesIn, root } from './workspace.ts';

/** Which of our packages each package may import. */
export const allowedArrows: Readonly<Record<string, readonly string[]>> = {
  core: [],
  compiler: ['core'],
  tensor: ['core', 'compiler'],
  autograd: ['core', 'tensor'],
  functional: ['core', 'tensor'],
  modules: ['tensor', 'autograd', 'functional'],
  optim: ['tensor', 'autograd'],
  data: ['core', 'tensor'],
  cpu: ['core'],
  webgpu: ['core'],
  testkit: ['core', 'tensor', 'autograd'],
};

/** Packages that may reach for what only Node has; the others run anywhere as they are. */
export const mayUseNode: ReadonlySet<string> = new Set(['cpu', 'webgpu', 'data']);

/** The module names that a source file imports or re-exports, types and dynamic imports included. */
export function importedNames(file: string, source: string): string[] {
  const { module, errors } = parseSync(file, source);
  if (errors.length > 0) throw new Error(`${file}: ${errors[0].message}`);
  const named = module.staticImports.map((found) => found.moduleRequest.value);
  const reexported = module.staticExports.flatMap((found) =>
    found.entries.flatMap((entry) => (entry.moduleRequest ? [entry.moduleRequest.value] : [])),
  );
  const dynamic = module.dynamicImports.flatMap((found) => {
    const text = source.slice(found.moduleRequest.start, found.moduleRequest.end);
    return /^(['"`])[^$]*\1$/.test(text) ? [text.slice(1, -1)] : [];
  });
  const inTypes = [...source.matchAll(/\bimport\((['"])([^'"]+)\1\)\s*\./g)].map((match) => match[2]);
  return [...new Set([...named, ...reexported, ...dynamic, ...inTypes])];
}

const isBuiltin = (name: string): boolean => name.startsWith('node:') || builtinModules.includes(name);

/** Why `from` may not import `name` in `file`, or nothing when it may. */
export function wrongImport(
  from: Package,
  file: string,
  name: string,
  packages: readonly Package[],
): string | undefined {
  if (name.startsWith('.')) {
    const target = resolve(dirname(file), name);
    const inside = !relative(join(from.folder, 'src'), target).startsWith('..');
    if (!inside) return `leaves the package's src folder; import the other package by its name`;
    return existsSync(target) ? undefined : 'names a file that does not exist';
  }
  if (isBuiltin(name)) {
    return mayUseNode.has(from.name) || !(from.name in allowedArrows)
      ? undefined
      : 'needs Node; this package must run anywhere';
  }
  if (name.startsWith('#')) {
    return name in (from.manifest.imports ?? {})
      ? undefined
      : `${name} is not among the imports of its package.json`;
  }
  const isPublished = from.name in allowedArrows;
  const declared = {
    ...from.manifest.dependencies,
    ...from.manifest.peerDependencies,
    ...(isPublished ? {} : from.manifest.devDependencies),
  };
  const [scopeOrName, second] = name.split('/');
  const packageName = name.startsWith('@') ? `${scopeOrName}/${second}` : scopeOrName;
  if (scopeOrName !== '@nn') {
    return packageName in declared ? undefined : `${packageName} is not among its dependencies`;
  }
  const target = packages.find((candidate) => candidate.manifest.name === packageName);
  if (!target) return `${packageName} is not a package of this workspace`;
  if (target.name === from.name) return 'imports itself by name; use a relative path';
  const arrows = allowedArrows[from.name];
  if (arrows && !arrows.includes(target.name)) {
    const allowed = arrows.map((arrow) => `@nn/${arrow}`).join(', ');
    return `is an arrow that the architecture does not have (allowed: ${allowed || 'none'})`;
  }
  const entry = `.${name.slice(packageName.length)}`;
  if (!(entry in (target.manifest.exports ?? {})))
    return `is a deep import; ${packageName} exports no "${entry}"`;
  return packageName in declared ? undefined : `${packageName} is not among its dependencies`;
}

/** Every wrong arrow of `packages`, each a line that says where, what and why. */
export function wrongArrows(packages: readonly Package[]): string[] {
  const wrong: string[] = [];
  for (const from of packages) {
    const allowed = allowedArrows[from.name];
    if (!allowed) {
      wrong.push(`@nn/${from.name}: not in the table of arrows (tooling/checks/src/arrows.ts)`);
      continue;
    }
    for (const dependency of Object.keys(from.manifest.dependencies ?? {})) {
      if (dependency.startsWith('@nn/') && !allowed.includes(dependency.slice(4))) {
        wrong.push(
          `@nn/${from.name}: package.json depends on ${dependency}, which the architecture does not allow`,
        );
      }
    }
    const project = join(from.folder, 'tsconfig.json');
    const references: { path: string }[] = existsSync(project)
      ? (JSON.parse(readFileSync(project, 'utf8')).references ?? [])
      : [];
    for (const { path } of references) {
      if (!allowed.includes(path.replace('../', ''))) {
        wrong.push(
          `@nn/${from.name}: tsconfig.json references ${path}, which the architecture does not allow`,
        );
      }
    }
    wrong.push(...wrongImports(from, packages));
  }
  return wrong;
}

function wrongImports(from: Package, packages: readonly Package[]): string[] {
  return filesBelow(join(from.folder, 'src'), '.ts').flatMap((file) =>
    importedNames(file, readFileSync(file, 'utf8')).flatMap((name) => {
      const why = wrongImport(from, file, name, packages);
      return why ? [`${relative(root, file)}: '${name}' ${why}`] : [];
    }),
  );
}

/**
 * What the private workspaces (applications, tools) import beyond what they declare and the packages export.
 * They may use any package, but as a stranger would: the toy backend shows that a third party can.
 */
export function wrongUses(users: readonly Package[], packages: readonly Package[]): string[] {
  return users.flatMap((user) => wrongImports(user, packages));
}

if (import.meta.main) {
  const packages = packagesIn(join(root, 'packages'));
  const users = ['apps', 'tooling'].flatMap((folder) => packagesIn(join(root, folder)));
  const wrong = [...wrongArrows(packages), ...wrongUses(users, packages)];
  for (const line of wrong) console.error(line);
  console.log(
    wrong.length === 0 ? 'Arrows between packages: all as drawn.' : `${wrong.length} wrong arrows.`,
  );
  process.exitCode = wrong.length === 0 ? 0 : 1;
}
