// A channel, and the methods of the service on it. The .proto files are read when the program starts, as is the habit
// here; SACCADE_PROTOS names their folder.
'use strict';

const path = require('node:path');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const SERVICE = 'inference.GRPCInferenceService';
const CALL_MS = 60_000; // nothing in the cases takes so long: a call that ends by this has hung

const definition = loader.loadSync(['grpc_service.proto', 'health.proto'], {
  keepCase: true, longs: String, enums: String, bytes: String, defaults: true, oneofs: false,
  includeDirs: [process.env.SACCADE_PROTOS || path.join(__dirname, '../../../proto')] });
const services = grpc.loadPackageDefinition(definition);
const Stub = services.inference.GRPCInferenceService;
const raw = loader.loadSync('grpc_service.proto', { // bytes as buffers, for large contents
  keepCase: true, includeDirs: [process.env.SACCADE_PROTOS || path.join(__dirname, '../../../proto')] });
const RawStub = grpc.loadPackageDefinition(raw).inference.GRPCInferenceService;

class Api {
  constructor(address, one) {
    const options = {
      'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1,
      'grpc.use_local_subchannel_pool': 1, // a connection of its own, which is otherwise shared between channels
    };
    if (one.time_ms) {
      options['grpc.keepalive_time_ms'] = one.time_ms;
      options['grpc.keepalive_timeout_ms'] = 5000;
      options['grpc.keepalive_permit_without_calls'] = one.without_calls ? 1 : 0;
    }
    if (one.compression === 'gzip') options['grpc.default_compression_algorithm'] = grpc.compressionAlgorithms.gzip;
    this.stub = new Stub(address, grpc.credentials.createInsecure(), options);
    this.rawStub = new RawStub(address, null, { channelOverride: this.stub.getChannel() });
    this.leftReady = false;
    this.closed = false;
    this.watch();
  }

  // Notes when a channel that had its connection has lost it.
  watch() {
    const channel = this.stub.getChannel();
    const state = channel.getConnectivityState(false);
    channel.watchConnectivityState(state, Infinity, (error) => {
      if (error || this.closed) return;
      if (state === grpc.connectivityState.READY) this.leftReady = true;
      else this.watch();
    });
  }

  close() {
    this.closed = true;
    this.stub.close();
  }

  // { end: a promise of the answer, call }
  start(name, request, { metadata = {}, deadlineMs = CALL_MS, unknown = false, stub = this.stub } = {}) {
    const at = name.lastIndexOf('/');
    const [service, method] = at < 0 ? [SERVICE, name] : [name.slice(0, at), name.slice(at + 1)];
    const shape = definition[unknown ? SERVICE : service][unknown ? 'ServerLive' : method];
    const found = stub === this.rawStub ? raw[service][method] : shape;
    const headers = new grpc.Metadata();
    for (const [key, value] of Object.entries(metadata)) headers.set(key, value);
    const started = {};
    started.end = new Promise((resolve, reject) => {
      started.call = stub.makeUnaryRequest(`/${service}/${method}`, found.requestSerialize, found.responseDeserialize,
        request, headers, { deadline: Date.now() + deadlineMs }, (error, answer) => (error ? reject(error) : resolve(answer)));
    });
    started.end.catch(() => {}); // looked at later
    return started;
  }

  async live() {
    const answer = await this.start('ServerLive', {}).end;
    if (!answer.live) throw new Error('the server is not live');
  }

  stream(deadlineMs = CALL_MS) {
    return new Conversation(this.stub.ModelStreamInfer({ deadline: Date.now() + deadlineMs }));
  }
}

// A stream whose answers are taken one by one.
class Conversation {
  constructor(call) {
    this.call = call;
    this.answers = [];
    this.waiting = null;
    this.ended = new Promise((resolve) => {
      call.on('status', (status) => { this.status = status; this.wake(); resolve(status); });
    });
    call.on('data', (answer) => { this.answers.push(answer); this.wake(); });
    call.on('error', () => {}); // the status says it
  }

  wake() {
    if (this.waiting) this.waiting();
    this.waiting = null;
  }

  // The next answer; null: the stream has ended.
  async next() {
    while (this.answers.length === 0 && !this.status) await new Promise((resolve) => { this.waiting = resolve; });
    return this.answers.shift() || null;
  }

  async expectNext() {
    const answer = await this.next();
    if (!answer) throw new Error(`the stream has ended with ${grpc.status[this.status.code]}: ${this.status.details}`);
    return answer;
  }
}

module.exports = { openApi: (address, one) => new Api(address, one), status: grpc.status, CALL_MS };
