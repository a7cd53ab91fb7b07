/** Zip archives with valid structure by default, so that damage to a member reaches the reader of that member. */
import { crc32, deflateRawSync, inflateRawSync } from 'node:zlib';

/** Encodes one member. `claim` is the size in the headers. Default the true size. */
function member({ name, bytes, deflate = false, claim = bytes.length, method = deflate ? 8 : 0 }) {
  const encoded = Buffer.from(name);
  const data = deflate ? deflateRawSync(bytes) : bytes;
  const fields = Buffer.alloc(26);
  fields.writeUInt16LE(20, 0);
  fields.writeUInt16LE(0x0800, 2);
  fields.writeUInt16LE(method, 4);
  fields.writeUInt32LE(crc32(bytes), 10);
  fields.writeUInt32LE(data.length, 14);
  fields.writeUInt32LE(claim, 18);
  fields.writeUInt16LE(encoded.length, 22);
  return { encoded, data, fields };
}

const LOCAL = Buffer.from([0x50, 0x4b, 3, 4]);
const CENTRAL = Buffer.from([0x50, 0x4b, 1, 2, 20, 0]);

/** Writes an archive of members `{ name, bytes, deflate?, claim?, method? }`. */
export function zip(members) {
  const parts = [];
  const directory = [];
  let offset = 0;
  for (const { encoded, data, fields } of members.map(member)) {
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(offset, 10);
    directory.push(CENTRAL, fields, rest, encoded);
    parts.push(LOCAL, fields, encoded, data);
    offset += LOCAL.length + fields.length + encoded.length + data.length;
  }
  const central = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.set([0x50, 0x4b, 5, 6]);
  end.writeUInt16LE(members.length, 8);
  end.writeUInt16LE(members.length, 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(offset, 16);
  return new Uint8Array(Buffer.concat([...parts, central, end]));
}

/** Reads the members of an undamaged archive of PyTorch or NumPy. */
export function unzip(bytes) {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const end = buffer.lastIndexOf(Buffer.from([0x50, 0x4b, 5, 6]));
  let at = buffer.readUInt32LE(end + 16);
  return Array.from({ length: buffer.readUInt16LE(end + 10) }, () => {
    const [size, nameLength, extra, comment] = [20, 28, 30, 32].map((field, i) =>
      i === 0 ? buffer.readUInt32LE(at + field) : buffer.readUInt16LE(at + field),
    );
    const [method, local] = [buffer.readUInt16LE(at + 10), buffer.readUInt32LE(at + 42)];
    const name = buffer.toString('utf8', at + 46, at + 46 + nameLength);
    const start = local + 30 + buffer.readUInt16LE(local + 26) + buffer.readUInt16LE(local + 28);
    at += 46 + nameLength + extra + comment;
    const data = buffer.subarray(start, start + size);
    return { name, bytes: new Uint8Array(method === 8 ? inflateRawSync(data) : data) };
  });
}
