import '@vgg/backend-onednn';
import { classify, loadNet } from '@vgg/vgg/node';

const net = loadNet('model.safetensors');

export async function POST(request: Request) {
  return Response.json(await classify(await net, new Uint8Array(await request.arrayBuffer())));
}
