// What the server finds wrong with a question, shown beside the fields it is about.
import { computed, inject, onBeforeUnmount, provide, reactive, type ComputedRef } from 'vue'
import type { ApiError, Violation } from '@/api/client'

interface Faults {
  all: ComputedRef<readonly Violation[]>
  /** The fields that are on the page. */
  shown: Set<string>
}
const key = Symbol('faults')
const under = (v: Violation, at: string) => v.field.startsWith(at)

/** For the form: returns what no field on the page takes. */
export function provideFaults(error: () => ApiError | null): ComputedRef<readonly Violation[]> {
  const f: Faults = { all: computed(() => error()?.fields ?? []), shown: reactive(new Set<string>()) }
  provide(key, f)
  return computed(() => f.all.value.filter((v) => ![...f.shown].some((at) => under(v, at))))
}

/** For a field: what is wrong with it. */
export function useFault(at: () => string): ComputedRef<readonly Violation[]> {
  const f = inject<Faults>(key)!
  const mine = at()
  f.shown.add(mine)
  onBeforeUnmount(() => f.shown.delete(mine))
  return computed(() => f.all.value.filter((v) => under(v, at())))
}
