/** A function of a server, as AWS Lambda calls it: bundled by esbuild in both module systems, and run by Bun and Deno. */
import '@vgg/backend-onednn';
import { classify, loadNet } from '@vgg/vgg/node';

export async function handler() {
  const classes = await classify(await loadNet('model.safetensors'), ['photo.jpg', 'photo.jpg']);
  return JSON.stringify(classes.map(([best]) => best.name));
}
