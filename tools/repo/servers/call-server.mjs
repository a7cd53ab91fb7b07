/** Starts the Next.js server that was built, and classifies a photograph by its API. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';

const port = await new Promise((resolve) => {
  const server = createServer().listen(0, () => {
    const { port } = server.address();
    server.close(() => resolve(port));
  });
});
const next = spawn('node_modules/.bin/next', ['start', '-p', String(port)], { stdio: 'inherit', detached: true });
try {
  console.log(await classify(60));
} finally {
  process.kill(-next.pid);
}

async function classify(tries) {
  try {
    const body = readFileSync('photo.jpg');
    const answer = await fetch(`http://localhost:${port}/api/classify`, { method: 'POST', body });
    const text = await answer.text();
    if (JSON.parse(text)[0].name === undefined) throw new Error(`the server answered ${text}`);
    return text;
  } catch (error) {
    if (error.cause?.code !== 'ECONNREFUSED' || tries === 0) throw error;
    await new Promise((resolve) => setTimeout(resolve, 500));
    return classify(tries - 1);
  }
}
