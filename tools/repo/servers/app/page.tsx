'use client';
import '@vgg/backend-wasm';
import { classify, loadNet } from '@vgg/vgg';
import { useState } from 'react';

export default function Page() {
  const [text, setText] = useState('not classified');
  const show = async () => {
    const photograph = await (await fetch('/photo.jpg')).blob();
    setText(JSON.stringify(await classify(await loadNet('/model.safetensors'), photograph)));
  };
  return (
    <button type="button" onClick={show}>
      {text}
    </button>
  );
}
