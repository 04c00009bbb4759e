// What pages need to speak: t, names in the language shown, spans and units.
import { useI18n } from 'vue-i18n'
import { ApiError } from '@/api/client'
import { span } from '@/lib/time'

export function useWords() {
  const { t, te, locale } = useI18n()
  const zh = () => locale.value === 'zh'
  const test = (name: string) => (te(`test.${name}`) ? t(`test.${name}`) : name)
  return {
    t,
    te,
    zh,
    /** The Chinese or the English of two, or what there is. */
    pick: (a: string | null | undefined, b: string | null | undefined) => (zh() ? a || b : b || a) ?? '',
    name: (s: { nameZh: string; nameEn: string } | null | undefined) => (s ? (zh() ? s.nameZh || s.nameEn : s.nameEn || s.nameZh) : ''),
    /** Between the names of a list, and before what somebody said. */
    sep: () => (zh() ? '、' : ', '),
    colon: () => (zh() ? '：' : ': '),
    span: (millis: number) => span(millis, { s: t('unit.s'), min: t('unit.min'), h: t('unit.h'), d: t('unit.d') }),
    datum: (d: string) => (d === '' ? t('datum.none') : t(`datum.${d}`, d)),
    variable: (v: string) => t(`variable.${v.replace(/^VARIABLE_/, '')}`),
    /** A quality test by its name, e.g. "stuck". */
    test,
    /** What quality control found, of an observation. */
    finding: (o: { why: string; whyZh: string; tests: string[] }) => (zh() ? o.whyZh : o.why) || o.tests.map(test).join(zh() ? '、' : ', '),
    why: (e: ApiError) => (e.status === 0 ? t('error.unreachable') : e.status === 403 ? t('error.denied') : e.message),
  }
}
