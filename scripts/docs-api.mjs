/**
 * `pnpm docs:api`: the API of every published package from its docstrings, as a site in `docs/api`. Each package's page opens
 * with its README; the pages of `docs/` and the READMEs of the applications are documents of the site. A link that leads
 * nowhere, in a docstring, a README or a page, fails.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { Application, Converter, DefaultTheme, MinimalSourceFile } from 'typedoc';
import { ROOT, say } from './setup.mjs';
import { deadLinks } from './site-links.mjs';

const SITE = join(ROOT, 'docs', 'api');

const packages = readdirSync(join(ROOT, 'packages')).filter((folder) => {
  const manifest = join(ROOT, 'packages', folder, 'package.json');
  return existsSync(manifest) && !JSON.parse(readFileSync(manifest, 'utf8')).private;
});
const entries = packages
  .flatMap((folder) => ['index', 'node'].map((entry) => join(ROOT, 'packages', folder, 'src', `${entry}.ts`)))
  .filter((file) => existsSync(file));

/** Markdown files that become documents of the site: those of `docs/`, contributing, and the applications' READMEs. */
function documents() {
  const pages = readdirSync(join(ROOT, 'docs'), { recursive: true })
    .filter((file) => file.endsWith('.md') && !file.startsWith('api'))
    .map((file) => join('docs', file));
  const apps = readdirSync(join(ROOT, 'apps')).map((name) => join('apps', name, 'README.md'));
  return ['CONTRIBUTING.md', ...pages, ...apps].map((file) => join(ROOT, file)).filter((file) => existsSync(file));
}

/** Returns the heading that a Markdown text opens with, as plain text. */
function headingOf(text) {
  return /^\s*# (.+)/.exec(text)?.[1].replaceAll('`', '');
}

/** True for a document that the index of its folder lists: a record of a decision or an experiment. */
function isRecord({ name }) {
  return /^\d{4} /.test(name);
}

/** Leaves the records out of the navigation. */
class Theme extends DefaultTheme {
  buildNavigation(project) {
    return super.buildNavigation(project).filter(({ text }) => !isRecord({ name: text }));
  }
}

const app = await Application.bootstrap({
  name: 'VGG for TypeScript',
  entryPoints: entries,
  tsconfig: join(ROOT, 'tsconfig.docs.json'),
  readme: join(ROOT, 'README.md'),
  projectDocuments: documents(),
  highlightLanguages: ['typescript', 'bash', 'json', 'mermaid', 'yaml'],
  out: SITE,
  theme: 'vgg',
  customCss: join(ROOT, 'scripts', 'docs-api.css'),
  disableSources: true,
  excludePrivate: true,
  excludeExternals: true,
  treatWarningsAsErrors: true,
  validation: { notExported: false, invalidLink: true, notDocumented: false, invalidPath: true },
  logLevel: 'Warn',
});
app.renderer.defineTheme('vgg', Theme);
app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
  for (const entry of project.children) {
    const [folder] = entry.name.split('/');
    entry.name = entry.name.replace(/^([\w-]+)\/src(?:\/index)?(\/node)?$/, '@vgg/$1$2');
    if (entry.name !== `@vgg/${folder}`) continue;
    const readme = join(ROOT, 'packages', folder, 'README.md');
    const text = readFileSync(readme, 'utf8').replace(/^# .*\n/, '');
    entry.readme = app.converter.parseRawComment(new MinimalSourceFile(text, readme), project.files).content;
    for (const path of [readme, dirname(readme)]) project.files.registerReflectionPath(path, entry);
  }
  // The page shows the project's name as its heading.
  project.readme[0].text = project.readme[0].text.replace(/^# .*\n/, '');
  for (const document of project.documents) {
    document.name = headingOf(document.content.map(({ text }) => text).join('')) ?? document.name;
  }
  for (const app of readdirSync(join(ROOT, 'apps'))) {
    const document = project.documents.find(({ name }) => name === app);
    if (document !== undefined) project.files.registerReflectionPath(join(ROOT, 'apps', app), document);
  }
});

const project = await app.convert();
if (project === undefined) process.exit(1);
app.validate(project);
await app.generateOutputs(project);
if (app.logger.hasErrors() || app.logger.hasWarnings()) process.exit(1);
const dead = deadLinks(SITE);
for (const line of dead) say(`error: ${line}`);
if (dead.length > 0) process.exit(1);
say(`${project.children.length} entries in ${relative(process.cwd(), join(SITE, basename('index.html')))}`);
