// Search without a server. From a folder (file://) a browser starts no worker, so the one of the search runs in a hidden
// frame of the page. The theme's search looks for a class of this name, to find its own files.
if (location.protocol === "file:") {
  window.IFrameWorker = class extends EventTarget {
    constructor(address) {
      super();
      const frame = document.createElement("iframe");
      frame.hidden = true;
      frame.title = "search";
      document.body.append(frame);
      const script = frame.contentDocument.createElement("script");
      this.inside = frame.contentWindow;
      // what is sent before the script has run waits for it
      this.started = new Promise((resolve, reject) => {
        script.onload = resolve;
        script.onerror = () => reject(new Error(`the search did not start: ${script.src}`));
      });
      // a worker answers whoever started it
      this.inside.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data: structuredClone(data) }));
      script.src = new URL(address, document.baseURI);
      frame.contentDocument.body.append(script);
    }

    postMessage(data) {
      this.started.then(() => this.inside.dispatchEvent(new this.inside.MessageEvent("message", { data: structuredClone(data) })));
    }

    terminate() {}
  };
  window.Worker = window.IFrameWorker;
}
