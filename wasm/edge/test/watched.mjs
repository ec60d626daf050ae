// The worker with a door for tests: /stats tells the numbers of the first object.
import worker from "../worker/worker.mjs";

export { Gateway } from "../worker/worker.mjs";

export default {
  async fetch(request, env) {
    if (new URL(request.url).pathname !== "/stats") return worker.fetch(request, env);
    return Response.json(await env.GATEWAY.get(env.GATEWAY.idFromName("gateway-0")).stats());
  },
};
