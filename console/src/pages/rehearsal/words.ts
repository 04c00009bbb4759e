// How the pages of a rehearsal speak.
import { useWords } from '@/i18n/use'

export function useRehearsal() {
  const words = useWords()
  return { ...words, w: (key: string, named: Record<string, unknown> = {}) => words.t(`rehearsal.${key}`, named) }
}
