/** The Web Worker that runs the node for a page. */
import { Engine } from "./engine.js";
import { portChannel, type EngineMessage, type PageMessage } from "./protocol.js";
import { fetchModule } from "./run-module.js";
import { tabPlatform } from "./tabs.js";

new Engine(portChannel<PageMessage, EngineMessage>(self as never, () => self.close()), fetchModule, tabPlatform(), () => self.close());
