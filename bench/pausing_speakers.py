"""Callers who pause inside their sentences, as audio: eSpeak's voices, with silence put in at word boundaries.

`|` in a sentence is where its speaker pauses. A sentence is made in one piece, so that the voice breaks off as it would go on,
as when somebody searches for a word; a comma before the bar gives the melody of a list or of a clause that ends. Voices, speeds
and lengths of the pauses are drawn with a fixed seed. `MAIN` is what rules may be made for; `HELD_OUT` tells whether they hold.
"""

import asyncio
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from actors.engines import espeak
from actors.resampling import Resampler
from pipeline.engine_settings import Espeak
from pipeline.ports import LISTENING_RATE, Phrase, Samples, Word

PAUSE_MS = (150, 600)
SPEEDS = (140, 150, 160, 175, 190)
VOICES = {
    "en": ("en-us", "en-gb", "en-us+m3", "en-gb+f4", "en-us+f4", "en-gb+m3"),
    "es": ("es", "es-419", "es+m3", "es-419+f4", "es+f4", "es-419+m3"),
}
AUDIBLE = 100
"""A sample louder than this (-50 dB) is heard."""
_LEAD_S = 0.3
_AFTER_S = 4
_ROOM = 6.0
"""Deviation of the noise of the room, in steps of PCM16."""
_NEAR = LISTENING_RATE // 40
"""How far from where the engine says that a word begins a quieter place may be."""
_FADE = LISTENING_RATE // 250


@dataclass(frozen=True, slots=True)
class Sentence:
    language: str
    text: str
    expected: bool
    """Whether the call flow expects it, as it is or with courtesies."""


@dataclass(frozen=True, slots=True)
class Speech:
    """A sentence as it was said."""

    sentence: Sentence
    voice: str
    words_per_minute: int
    samples: Samples
    """PCM16 at 16 kHz, with seconds of a quiet room after the last sound."""
    end: int
    """Position after the last sound."""
    pauses_ms: tuple[int, ...]


def _sentences(language: str, expected: str, others: str) -> list[Sentence]:
    both = ((expected, True), (others, False))
    return [Sentence(language, line, known) for lines, known in both for line in lines.strip().splitlines()]


MAIN = [
    *_sentences(
        "en",
        """
What are your opening hours | on Saturday?
I would like | to make an appointment.
Hello, | can I book | an appointment please?
I need to | see a doctor.
I would like an appointment | on Wednesday.
Can I come in | on Friday | in the afternoon?
I need | to cancel | my appointment.
How much | does a visit cost?
Can I talk to | somebody at reception?
Good morning, | do you take | my insurance?
""",
        """
I would like to | um | book a check-up for my son.
I have had a headache | and a sore throat | since Sunday.
My phone number is | five five five, | oh one two, | three four.
It hurts when I | bend my knee, | or climb the stairs.
I can come on Tuesday, | Thursday, | or early on Friday.
My daughter has a fever | and she is | not eating anything.
I was born on | May the third | nineteen eighty two.
I am calling because | I lost | my prescription.
The pain started | about two weeks ago | after I moved house.
Could you tell me if | the results of my blood test | are back?
""",
    ),
    *_sentences(
        "es",
        """
¿Cuál es el horario | el sábado?
Quisiera | pedir una cita.
Buenos días, | quisiera una cita | para el jueves.
Necesito ver | a un médico.
¿Puedo ir | el lunes | por la tarde?
Tengo que | cancelar mi cita.
¿Cuánto cuesta | una visita?
Hola, | ¿puedo hablar con | alguien de recepción por favor?
¿Aceptan | mi seguro médico?
Quiero hablar con | una persona.
""",
        """
Quería | eh | una cita para mi hijo pequeño.
Me duele la cabeza | y la garganta | desde ayer.
Mi teléfono es | seis uno dos, | tres cuatro cinco, | siete ocho nueve.
Me hice daño cuando | bajaba | por la escalera.
Puedo ir el martes, | el miércoles, | o el viernes temprano.
Mi hija tiene fiebre | y no quiere | comer nada.
Nací el | tres de mayo | de mil novecientos ochenta.
Llamo porque | he perdido | mi receta.
El dolor empezó | hace dos semanas | después de una caída.
¿Me puede decir si | están los resultados | de mi análisis?
""",
    ),
]
HELD_OUT = [
    *_sentences(
        "en",
        """
When do you close | on Thursday?
I want to see | the doctor | on Monday.
Hi, | I cannot come | to my appointment.
How do I get | to the clinic?
Please put me through | to a human being.
Where are you | located please?
I want to speak | to a person.
Are you open | on Sunday?
Good afternoon, | I have to call off | my appointment.
How much is | a consultation?
""",
        """
I have been coughing for | um | nearly ten days.
The medicine makes me | dizzy, | and I feel sick in the morning.
You can reach me at | oh seven seven, | three one nine, | double four.
I would prefer | a female doctor | if you have one.
We moved here | from London | and need a new family doctor.
My back has been hurting | since | about last Tuesday.
I need a new prescription | for | my blood pressure tablets.
The best number is | nine one four, | six two, | double eight.
My husband | fell off a ladder | and cannot move his arm.
Is it possible to | change my visit | from Monday to Friday?
""",
    ),
    *_sentences(
        "es",
        """
¿A qué hora cierran | el viernes?
Quiero ver | al médico | el miércoles.
Buenas tardes, | quiero anular | mi visita.
¿Cómo llego | a la clínica?
Por favor | póngame con | la enfermera.
Quiero ver al médico | el lunes.
No voy a poder ir | a mi cita.
Hola, | ¿dónde están | ustedes?
Quisiera una cita | para el martes.
¿Qué precios | tienen?
""",
        """
Llevo tosiendo | pues, | casi diez días.
La medicina me da | mareos, | y náuseas por la mañana.
Me puede llamar al | nueve uno cinco, | dos cero ocho, | cuatro cuatro.
Prefiero | una doctora | si es posible.
Vivimos aquí desde | enero | y necesitamos un médico de familia.
Se me ha caído | un empaste | y me duele mucho.
Necesito una receta | para | las pastillas de la tensión.
Mi número es | ocho uno, | cuatro seis, | nueve nueve.
Mi marido | se cayó ayer | y no puede mover el brazo.
Quería cambiar | mi visita | del lunes al viernes.
""",
    ),
]


def speeches(sentences: list[Sentence], seed: int) -> list[Speech]:
    """All of them said, the same for the same seed."""
    chance = random.Random(seed)
    room = np.random.default_rng(seed)
    said: list[Speech] = []
    for number, sentence in enumerate(sentences):
        voices = VOICES[sentence.language]
        voice, speed = voices[number % len(voices)], chance.choice(SPEEDS)
        pauses = tuple(chance.randint(*PAUSE_MS) for _ in range(sentence.text.count("|")))
        clean = _with_pauses(sentence, voice, speed, pauses)
        noise = room.normal(0, _ROOM, len(clean) + _AFTER_S * LISTENING_RATE)
        noise[: len(clean)] += clean
        said.append(Speech(sentence, voice, speed, np.clip(np.rint(noise), -32768, 32767).astype(np.int16), len(clean), pauses))
    return said


def _with_pauses(sentence: Sentence, voice: str, speed: int, pauses_ms: tuple[int, ...]) -> Samples:
    samples, words = _say(sentence, voice, speed)
    audible = np.flatnonzero(np.abs(samples.astype(np.int32)) > AUDIBLE)
    pieces = [np.zeros(round(_LEAD_S * LISTENING_RATE), np.int16)]
    start = int(audible[0])
    for pause_ms, (before, after) in zip(pauses_ms, _gaps(sentence, samples, words), strict=True):
        pieces += [_faded(samples[start:before]), np.zeros(pause_ms * LISTENING_RATE // 1000, np.int16)]
        start = after
    pieces.append(_faded(samples[start : audible[-1] + 1]))
    return np.concatenate(pieces)


def _gaps(sentence: Sentence, samples: Samples, words: list[Word]) -> Iterator[tuple[int, int]]:
    """Where sound stops and begins again at each bar; the same place twice where it flows on."""
    loudness = np.abs(samples.astype(np.int32))
    begins: dict[int, int] = {}
    place = 0
    for word in words:
        begins[place] = round(word.start_s * LISTENING_RATE)
        place += len(word.text.split())
    place = 0
    for token in sentence.text.split():
        if token != "|":
            place += 1
            continue
        if place not in begins:
            raise ValueError(f"eSpeak does not part the words here: {sentence.text!r}, word {place}")
        at = begins[place]
        window = np.ones(_NEAR // 5) / (_NEAR // 5)
        near = np.convolve(loudness[max(at - _NEAR, 0) : at + _NEAR].astype(float), window, mode="same")
        at = max(at - _NEAR, 0) + int(near.argmin())
        before, after = np.flatnonzero(loudness[:at] > AUDIBLE), np.flatnonzero(loudness[at:] > AUDIBLE)
        yield int(before[-1]) + 1, at + int(after[0])


def _faded(samples: Samples) -> Samples:
    """Without the clicks of a sound that is cut in its middle."""
    ramp = np.ones(len(samples))
    ramp[:_FADE] = np.linspace(0.2, 1, _FADE)
    ramp[-_FADE:] = np.linspace(1, 0.2, _FADE)
    return (samples * ramp).astype(np.int16)


def _say(sentence: Sentence, voice: str, speed: int) -> tuple[Samples, list[Word]]:
    async def say() -> tuple[list[Samples], list[Word], int]:
        speaker = espeak.make(Espeak(words_per_minute=speed), Path())
        text = " ".join(token for token in sentence.text.split() if token != "|")
        pieces = [piece async for piece in speaker.speak(Phrase(text, sentence.language, voice))]
        return [piece.samples for piece in pieces], [word for piece in pieces for word in piece.words], pieces[0].rate

    pieces, words, rate = asyncio.run(say())
    return Resampler(rate, LISTENING_RATE).push(np.concatenate(pieces), last=True), words
