// Makes the alarm's sounds, which need no file from elsewhere: public/sounds/
// urgent.wav, three sharp pairs; notice.wav, two soft notes; loss.wav, which is of
// the desk and not of the river: a long low note that falls, and knocks.
import { mkdir, writeFile } from 'node:fs/promises'

const rate = 16_000
const dir = new URL('../public/sounds/', import.meta.url)

// notes: [start s, length s, Hz]; a little of the third harmonic carries through noise.
function wav(length, notes) {
  const n = Math.round(length * rate)
  const data = Buffer.alloc(44 + 2 * n)
  data.write('RIFF', 0)
  data.writeUInt32LE(36 + 2 * n, 4)
  data.write('WAVEfmt ', 8)
  data.writeUInt32LE(16, 16)
  data.writeUInt16LE(1, 20)
  data.writeUInt16LE(1, 22)
  data.writeUInt32LE(rate, 24)
  data.writeUInt32LE(2 * rate, 28)
  data.writeUInt16LE(2, 32)
  data.writeUInt16LE(16, 34)
  data.write('data', 36)
  data.writeUInt32LE(2 * n, 40)
  for (let i = 0; i < n; i++) {
    const t = i / rate
    let v = 0
    for (const [start, len, hz] of notes) {
      const x = t - start
      if (x < 0 || x >= len) continue
      const edge = Math.min(1, x / 0.01, (len - x) / 0.03)
      v += edge * (0.7 * Math.sin(2 * Math.PI * hz * x) + 0.2 * Math.sin(6 * Math.PI * hz * x))
    }
    data.writeInt16LE(Math.round(28_000 * Math.max(-1, Math.min(1, v))), 44 + 2 * i)
  }
  return data
}

await mkdir(dir, { recursive: true })
await writeFile(new URL('urgent.wav', dir), wav(1.7, [0, 0.6, 1.2].flatMap((s) => [[s, 0.18, 988], [s + 0.2, 0.2, 740]])))
await writeFile(new URL('notice.wav', dir), wav(0.9, [[0, 0.35, 660], [0.35, 0.5, 523]]))
await writeFile(new URL('loss.wav', dir), wav(2.5, [[0, 0.45, 440], [0.45, 0.45, 330], [0.9, 0.6, 220], ...[1.65, 1.85, 2.05, 2.25].map((s) => [s, 0.12, 330])]))
