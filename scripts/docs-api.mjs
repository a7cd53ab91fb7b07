/**
 * `pnpm docs:api`: the API of every published package from its docstrings, as a site in `docs/api`, each entry under the
 * name it is imported by. A link in a docstring that leads nowhere fails.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { Application } from 'typedoc';
import { ROOT, say } from './setup.mjs';

const entries = readdirSync(join(ROOT, 'packages'))
  .filter((folder) => !JSON.parse(readFileSync(join(ROOT, 'packages', folder, 'package.json'), 'utf8')).private)
  .flatMap((folder) => ['index', 'node'].map((entry) => join(ROOT, 'packages', folder, 'src', `${entry}.ts`)))
  .filter((file) => existsSync(file));

const app = await Application.bootstrap({
  name: 'VGG for TypeScript',
  entryPoints: entries,
  tsconfig: join(ROOT, 'tsconfig.docs.json'),
  readme: join(ROOT, 'README.md'),
  out: join(ROOT, 'docs', 'api'),
  disableSources: true,
  excludePrivate: true,
  excludeExternals: true,
  treatWarningsAsErrors: true,
  validation: { notExported: false, invalidLink: true, notDocumented: false, invalidPath: false },
  logLevel: 'Warn',
});
const project = await app.convert();
if (project === undefined) process.exit(1);
for (const entry of project.children) {
  entry.name = entry.name.replace(/^([\w-]+)\/src(?:\/index)?(\/node)?$/, '@vgg/$1$2');
}
app.validate(project);
await app.generateOutputs(project);
if (app.logger.hasErrors() || app.logger.hasWarnings()) process.exit(1);
say(`${project.children.length} entries in ${relative(process.cwd(), join(ROOT, 'docs', 'api', 'index.html'))}`);
