import { answerTexts } from './thread-protocol.ts'
import { loadUniversalSentenceEncoder } from './universal-sentence-encoder.ts'

answerTexts(loadUniversalSentenceEncoder)
