// Empties dist but for the placeholder, which is committed.
import { readdir, rm } from 'node:fs/promises'

const dist = new URL('../dist/', import.meta.url)
for (const name of await readdir(dist)) {
  if (name !== 'placeholder.html') await rm(new URL(name, dist), { recursive: true })
}
