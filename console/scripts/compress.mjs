// Writes a .br and a .gz beside every text file of dist that they make smaller:
// the server sends them as they are.
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'

const dist = fileURLToPath(new URL('../dist/', import.meta.url))
for (const entry of await readdir(dist, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile() || !/\.(js|css|html|svg|json)$/.test(entry.name) || entry.name === 'placeholder.html') continue
  const file = join(entry.parentPath, entry.name)
  const plain = await readFile(file)
  const made = {
    br: brotliCompressSync(plain, { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: plain.length } }),
    gz: gzipSync(plain, { level: 9 }),
  }
  for (const [ext, data] of Object.entries(made)) if (data.length < plain.length) await writeFile(`${file}.${ext}`, data)
}
