/** What can go wrong, and what to do about it, in words for whoever talks. */

/** @typedef {{title: string, text: string, action?: string}} Failure */

/** Of `getUserMedia`, by the name of its error. */
const MICROPHONE = {
  NotAllowedError: {
    title: "The microphone is refused.",
    text: "Allow it for this page in the browser, beside the address, and press Talk again. You can type meanwhile.",
  },
  NotFoundError: {
    title: "There is no microphone.",
    text: "Plug one in, or choose one in the settings of this machine, and press Talk again. You can type meanwhile.",
  },
  NotReadableError: {
    title: "The microphone is in use.",
    text: "Another program holds it. Close that one, and press Talk again. You can type meanwhile.",
  },
};
const OTHER_MICROPHONE = {
  title: "The microphone does not work.",
  text: "Choose another one in the settings of this machine, and press Talk again. You can type meanwhile.",
};

/** @returns {Failure} */
export const ofMicrophone = (error) => MICROPHONE[error.name] ?? OTHER_MICROPHONE;

/** @type {Failure} */
export const UNPLUGGED = {
  title: "The microphone is gone.",
  text: "It was unplugged, or taken away from this page. Press Stop, then Talk, to go on with another one.",
};

/** @type {Failure} */
export const INSECURE = {
  title: "No sound over plain http.",
  text:
    "Browsers give a page the microphone over https only, or on the server's own machine. Ask whoever runs this server to " +
    "put TLS in front of it (docs/tls.md), or open this page at http://localhost there. You can type, and read the answers.",
};

/** @type {Failure} */
export const GONE = {
  title: "The server is gone.",
  text: "Five tries to get back to it failed. See whether it runs and whether you are online; what you said is kept a while.",
  action: "Try again",
};

/** @type {Failure} */
export const FORGOTTEN = {
  title: "The conversation was lost.",
  text: "The server no longer knows it. This is a new one: say again what you would like.",
};

/** @type {Failure} */
export const UNREACHABLE = {
  title: "The server does not answer.",
  text: "See whether it runs and whether you are online.",
  action: "Try again",
};

/** What is said where another key is asked for. */
export const OF_KEYS = {
  key_missing: "This server asks for a key. Whoever runs it has one for you.",
  key_invalid: "This key is not accepted here. Look whether all of it was copied, or ask for another one.",
};

const REFUSED = {
  origin_forbidden: "This address is not allowed to call the server.",
  rate_limit_exceeded: "Your key has no conversation left just now.",
  conversation_broken: "A mistake of the server ended the conversation.",
};

/** The server turned us away, and says why. @returns {Failure} */
export const ofRefusal = ({ code, message }) => ({
  title: REFUSED[code] ?? "The server ended the conversation.",
  text: message ? `It says: ${message}` : "",
  action: "Talk again",
});

/** A turn came to nothing. @returns {Failure} */
export const ofProvider = ({ message }) => ({ title: "That did not work.", text: `${message} Say it once more.` });

/** @returns {Failure} */
export const busy = (seconds) => ({
  title: "The server is full.",
  text: `Nobody new is taken in just now. This page tries again by itself in ${seconds} s.`,
});
