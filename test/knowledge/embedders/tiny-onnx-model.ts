import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const WORDS = ['database', 'text', 'number', 'graphics', 'card', 'is', 'a', 'waiting']
const SPECIAL = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]']
const WIDTH = 8
/** Of `onnx.proto3`: TensorProto.DataType. */
const FLOAT = 1
const INT64 = 7

/**
 * Writes a model folder that `@huggingface/transformers` loads: a word-level tokenizer and a graph of one node, which
 * looks up an embedding for each token. Field numbers are those of `onnx.proto3`.
 */
export function writeTinyModel(folder: string): void {
  const vocabulary = [...SPECIAL, ...WORDS, ...'abcdefghijklmnopqrstuvwxyz0123456789'].filter(unique)
  const ids = Object.fromEntries(vocabulary.map((word, index) => [word, index]))
  mkdirSync(join(folder, 'onnx'), { recursive: true })
  writeFileSync(join(folder, 'onnx', 'model_quantized.onnx'), modelProto(vocabulary.length))
  writeJson(folder, 'config.json', { model_type: 'bert', hidden_size: WIDTH, vocab_size: vocabulary.length })
  writeJson(folder, 'tokenizer_config.json', { tokenizer_class: 'BertTokenizer', model_max_length: 512 })
  writeJson(folder, 'tokenizer.json', {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: SPECIAL.map((content, id) => ({ id, content, special: true, normalized: false })),
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase: true,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: {
      type: 'TemplateProcessing',
      single: [
        { SpecialToken: { id: '[CLS]', type_id: 0 } },
        { Sequence: { id: 'A', type_id: 0 } },
        { SpecialToken: { id: '[SEP]', type_id: 0 } },
      ],
      pair: [],
      special_tokens: {
        '[CLS]': { id: '[CLS]', ids: [2], tokens: ['[CLS]'] },
        '[SEP]': { id: '[SEP]', ids: [3], tokens: ['[SEP]'] },
      },
    },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: '[UNK]',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab: ids,
    },
  })
}

function unique(word: string, index: number, words: string[]): boolean {
  return words.indexOf(word) === index
}

function writeJson(folder: string, name: string, value: unknown): void {
  writeFileSync(join(folder, name), JSON.stringify(value))
}

function modelProto(rows: number): Buffer {
  const table = Float32Array.from({ length: rows * WIDTH }, (_, index) => Math.sin(index * 1.7 + 1))
  const gather = message([text(1, 'embeddings'), text(1, 'input_ids'), text(2, 'last_hidden_state'), text(4, 'Gather')])
  const initializer = message([
    number(1, rows),
    number(1, WIDTH),
    number(2, FLOAT),
    text(8, 'embeddings'),
    bytes(9, Buffer.from(table.buffer)),
  ])
  const graph = message([
    bytes(1, gather),
    text(2, 'tiny'),
    bytes(5, initializer),
    bytes(11, tensorInfo('input_ids', INT64, ['batch', 'length'])),
    bytes(11, tensorInfo('attention_mask', INT64, ['batch', 'length'])),
    bytes(12, tensorInfo('last_hidden_state', FLOAT, ['batch', 'length', WIDTH])),
  ])
  const operators = message([text(1, ''), number(2, 13)])
  return message([number(1, 8), bytes(7, graph), bytes(8, operators)])
}

function tensorInfo(name: string, type: number, shape: (string | number)[]): Buffer {
  const dimensions = shape.map((size) =>
    bytes(1, message([typeof size === 'number' ? number(1, size) : text(2, size)])),
  )
  const tensor = message([number(1, type), bytes(2, message(dimensions))])
  return message([text(1, name), bytes(2, message([bytes(1, tensor)]))])
}

// The wire format of protocol buffers: https://protobuf.dev/programming-guides/encoding/
function message(fields: Buffer[]): Buffer {
  return Buffer.concat(fields)
}

function number(field: number, value: number): Buffer {
  return Buffer.concat([varint(field << 3), varint(value)])
}

function bytes(field: number, value: Buffer): Buffer {
  return Buffer.concat([varint((field << 3) | 2), varint(value.length), value])
}

function text(field: number, value: string): Buffer {
  return bytes(field, Buffer.from(value))
}

function varint(value: number): Buffer {
  const digits: number[] = []
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 128) return Buffer.from([...digits, rest])
    digits.push((rest & 127) | 128)
  }
}
