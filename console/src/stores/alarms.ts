// What waits for somebody.
import { ref } from 'vue'

/** Alarms that nobody has acknowledged. */
export const unacknowledged = ref(0)
/** People who were to be called and have not confirmed; null: not known. */
export const unreached = ref<number | null>(null)
