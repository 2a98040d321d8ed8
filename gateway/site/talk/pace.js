/**
 * When each word of a reply sounds. The server says how long a reply is once all of it is sent, which is about a second before
 * its end; until then words take the time that earlier ones took.
 */

const LETTER_MS = 70;
/** What a word, and a mark after it, takes beside its letters, counted in letters. */
const WORD = 1;
const MARKS = { ",": 3, ";": 4, ":": 4, ".": 7, "?": 7, "!": 7 };

const weight = (word) => word.length + WORD + (MARKS[word.at(-1)] ?? 0);

export class Pace {
  constructor() {
    this.letterMs = LETTER_MS;
  }

  /** All of a reply is known, and so is its length. */
  learn(words, ms) {
    const letters = words.reduce((sum, word) => sum + weight(word), 0);
    if (letters && ms) this.letterMs = ms / letters;
  }

  /** How many of the words have begun to sound after so many milliseconds. */
  begun(words, ms, lengthMs) {
    const weights = words.map(weight);
    const letters = weights.reduce((sum, one) => sum + one, 0);
    const letterMs = lengthMs ? lengthMs / letters : this.letterMs;
    let passed = 0;
    return weights.filter((one) => {
      const begins = passed * letterMs;
      passed += one;
      return begins < ms;
    }).length;
  }
}
