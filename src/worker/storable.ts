/** Without the characters that PostgreSQL cannot store. */
export function cleanText(text: string): string {
  return text.replaceAll('\0', '\ufffd').replace(/\p{Surrogate}/gu, '\ufffd')
}
