/** Bundles `browser.js` with webpack: an error or a warning fails. */
import webpack from 'webpack';

const compiler = webpack({ mode: 'production', entry: './browser.js', performance: false });
const stats = await new Promise((resolve, reject) => {
  compiler.run((error, result) => (error === null ? resolve(result) : reject(error)));
});
if (stats.hasErrors() || stats.hasWarnings()) throw new Error(stats.toString('errors-warnings'));
