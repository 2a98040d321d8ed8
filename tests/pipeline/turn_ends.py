"""What callers of a surgery have said when they pause: `+` where they have finished, `-` where they go on.

`KNOWN` is what the rules were written for. `HELD_OUT` was written before them; two of its fragments led to a rule afterwards.
`UNSEEN` was written when the rules were done, and no rule comes from it: it must stay so to say anything.
"""

from typing import NamedTuple


class Case(NamedTuple):
    language: str
    text: str
    complete: bool


def _cases(language: str, lines: str) -> list[Case]:
    return [Case(language, line[2:], line[0] == "+") for line in lines.strip().splitlines()]


_ENGLISH = """
+ i would like to make an appointment
- i would like to make an appointment for
- i would like to make an appointment with
- i would like to
- i'd like
+ what are your opening hours on saturday
- what are your opening hours on
- what are your
- what are
+ what is it for
+ where are you from
+ who should i talk to
+ can i come in
- can i come
- can i
+ how are you
+ could you call me back
- could you
- could you please
+ my name is john smith
- my name is
- my name
- i need to cancel my
+ i need to cancel my appointment
- i need to cancel my appointment because
- monday tuesday
+ monday tuesday or wednesday
+ on monday or tuesday would be fine
- on monday or
- my number is five five five
- my number is five five five one two
+ my number is five five five one two three four five six seven
- it's 555
+ at ten
+ on monday at half past ten
- between nine
+ between nine and eleven
+ yes
+ no thank you
+ yes please
+ yes i do
+ no i don't
- yes but
- um
- well
- no well
- i think so but
+ i think so
+ that's all thank you
+ thanks bye
- so i was wondering if
- my husband has had a cold since
+ my son has had a cough since last week
- he was born on the
+ he was born on the third of march nineteen eighty five
- the doctor said that i should
- it hurts when i
+ it hurts when i breathe
- my back hurts and
+ is the doctor in today
- is the doctor
+ do you take my insurance
- my surname is m i
+ I need a new prescription.
- I need a.
- I need a new prescription,
- I need...
- Hello, I'm calling about
+ Which floor is it on?
- let me see
+ you can reach me on my mobile
+ i can't come tomorrow
- tomorrow i can't because
- the last time i was there the
+ i have a temperature of thirty nine
- twenty
+ i have lost my phone can i come at ten
- my number has changed to five five five
"""
_SPANISH = """
+ quisiera pedir una cita
- quisiera pedir una cita para
- quisiera pedir
- quisiera
- me gustaría pedir cita con el doctor
+ me gustaría pedir cita con el doctor moreno
+ cuál es el horario el sábado
- cuál es el
- cuál es
+ dónde están ustedes
+ cuánto cuesta una visita
- cuánto cuesta la
+ me llamo juan garcía
- me llamo
- mi nombre es
+ tengo que cancelar mi cita
- tengo que cancelar mi
- tengo que cancelar mi cita porque
- tengo que
- lunes martes
+ el lunes o el martes
+ el lunes por la mañana
- el lunes por la
- el lunes y
- mi número es seis cinco
- mi teléfono es el seis uno dos tres
+ mi teléfono es seis uno dos tres cuatro cinco seis siete ocho
+ a las diez
- a las
+ a las diez y media
- a las diez y
- entre las nueve
+ sí
+ sí por favor
+ no gracias
- sí pero
- no pero
- eh
- bueno
- pues este
+ creo que sí
- creo que
+ eso es todo gracias
+ muchas gracias adiós
- quería saber si
- me duele la cabeza desde
+ me duele mucho la cabeza
- me duele
- mi hijo tiene fiebre y
+ mi hijo tiene fiebre desde ayer
- el médico me dijo que
+ puede repetirlo
- puede
- me puede decir
+ a qué hora abren
- Quiero ver al médico,
+ Quiero ver al médico el viernes.
- Es para mi.
+ ¿Abren el domingo?
- no sé si
+ no sé
+ es para mí
- hola buenas tardes llamaba para
- la receta de mi
+ necesito una receta nueva
"""
_FRENCH = """
+ je voudrais prendre rendez-vous
- je voudrais prendre rendez-vous avec
- je voudrais prendre
- je voudrais
- j'aimerais
- je voudrais un rendez-vous pour le
+ je voudrais un rendez-vous pour mardi
+ quels sont vos horaires le samedi
- quels sont vos
- quels sont
+ où êtes-vous
+ combien ça coûte
- combien coûte la
+ je m'appelle marie dupont
- je m'appelle
- mon nom est
+ je dois annuler mon rendez-vous
- je dois annuler mon
- je dois annuler mon rendez-vous parce que
- je dois
- lundi mardi
+ lundi ou mardi
+ lundi matin si possible
- lundi et
- mon numéro est le zéro six
- c'est le zéro six douze trente-quatre
+ c'est le zéro six douze trente-quatre cinquante-six soixante-dix-huit
+ à dix heures
- à partir de
+ vers dix heures et demie
- entre neuf heures et
+ oui
+ oui s'il vous plaît
+ non merci
- oui mais
- non mais
- euh
- ben
+ je crois que oui
- je crois que
+ c'est tout merci
+ merci au revoir
- je voulais savoir si
- j'ai mal au
+ j'ai mal au dos depuis hier
- mon fils a de la fièvre et
+ mon fils a de la fièvre
- le docteur m'a dit que
+ pouvez-vous répéter
- pouvez-vous
- est-ce que
+ est-ce que vous êtes ouverts dimanche
- Je voudrais voir le médecin,
+ Je voudrais voir le médecin vendredi.
- C'est pour ma.
+ Vous êtes ouverts le dimanche ?
+ je ne sais pas
- je ne
- je ne peux pas venir parce qu'
+ d'accord
+ comment allez-vous
- il y a
+ j'ai besoin d'une nouvelle ordonnance
- j'ai besoin d'une
- il faut que
"""
_GERMAN = """
+ ich möchte einen termin vereinbaren
- ich möchte einen termin für
- ich möchte einen
- ich möchte
- ich hätte gern
+ ich hätte gern einen termin
+ wann haben sie am samstag geöffnet
- wann haben sie
- wann haben
+ wo sind sie
+ was kostet ein besuch
- was kostet die
+ mein name ist peter müller
- mein name ist
- ich heiße
+ ich muss meinen termin absagen
- ich muss meinen
- ich muss meinen termin absagen weil
- ich muss
- montag dienstag
+ montag oder dienstag
+ am montag um zehn uhr
- am montag um
- am montag oder
- am
- meine nummer ist null eins
- meine telefonnummer ist null drei null vier fünf
+ meine nummer ist null eins sieben eins zwei drei vier fünf sechs sieben acht
+ um zehn
- zwischen neun
+ zwischen neun und elf
+ ja
+ ja bitte
+ nein danke
- ja aber
- nein aber
- äh
- ähm also
+ ich glaube schon
- ich glaube dass
+ das ist alles danke
+ vielen dank auf wiederhören
- ich wollte wissen ob
- ich habe schmerzen im
+ ich habe seit gestern schmerzen
- mein kind hat fieber und
+ mein kind hat fieber
- der arzt hat gesagt dass
+ können sie das wiederholen
- können sie
- könnten sie mir bitte
+ ich komme mit
+ ich rufe später wieder an
+ wann machen sie auf
+ ich sage den termin ab
- ich komme mit meiner
- ich warte auf
- Ich möchte zum Arzt,
+ Ich möchte am Freitag kommen.
- Das ist für meine.
+ Haben Sie am Sonntag offen?
+ das weiß ich nicht
- wenn ich
- weil meine tochter
+ ich brauche ein neues rezept
- ich brauche ein
+ hört sich gut an
"""
KNOWN = {
    "en": _cases("en", _ENGLISH),
    "es": _cases("es", _SPANISH),
    "fr": _cases("fr", _FRENCH),
    "de": _cases("de", _GERMAN),
}
HELD_OUT: list[Case] = [
    *_cases(
        "en",
        """
+ could you tell me what a check up costs
- i've been having this pain in my
+ thursday afternoon would be great
- well the thing is that i
+ I lost my insurance card.
- can you put me through to
- it's oh seven nine double four
+ is doctor moreno there today
- my daughter has a fever and
+ no that's everything thanks
- i was wondering whether
+ where can i park
- I need an appointment for my husband because
+ half past nine is fine
- Hi, this is Margaret, um
+ how long do i have to wait for
""",
    ),
    *_cases(
        "es",
        """
+ me duele la garganta desde ayer
- quería preguntar si ustedes
+ a las cuatro y media
- mi teléfono es seis cinco cuatro
- llamo porque mi hija
+ ¿Tienen hora mañana?
- tengo una cita con el
+ no eso es todo muchas gracias
- bueno pues yo
+ soy paciente de la doctora moreno
- el martes o el
+ prefiero venir por la mañana
- Quisiera cambiar la hora de mi
+ cuánto tengo que pagar
- me gustaría
+ sí el jueves me viene bien
""",
    ),
    *_cases(
        "fr",
        """
+ je voudrais annuler mon rendez-vous de demain
- j'ai mal à la
- est-ce que vous
+ vous êtes ouverts le samedi
- mon numéro c'est le zéro six douze
+ à quatorze heures trente
- je vous appelle parce que
+ Non, ce n'est pas possible.
- alors euh
+ c'est pour ma fille
- je peux venir lundi ou
+ merci beaucoup au revoir
- Je m'appelle
+ combien coûte une consultation
- il faudrait que je
+ je n'ai pas de mutuelle
""",
    ),
    *_cases(
        "de",
        """
+ ich möchte meinen termin absagen
- ich rufe an wegen
+ am dienstag um halb zehn
- ich hätte gerne einen
+ wie lange haben sie heute auf
- meine nummer ist null eins sieben
- mein sohn hat seit gestern fieber und
+ Ja, das passt mir gut.
- können sie mir
+ dann komme ich am freitag vorbei
- ich wollte fragen ob
+ was kostet eine untersuchung
- äh also
+ nein danke das war alles
- geht es auch am donnerstag oder
+ ich rufe morgen noch mal an
""",
    ),
]
UNSEEN: list[Case] = [
    *_cases(
        "en",
        """
+ the appointment is for my mother
- she lives in
+ we moved to a new address last month
- my date of birth is the twelfth of
+ what should i bring
- I'd rather come in the morning because I
+ that works for me
- do you have anything on friday or
+ Sorry, could you say that again?
- the prescription number is four four nine
+ next tuesday at quarter to four
- it started about
+ she is allergic to penicillin
- hang on let me just
+ is it far from the station
- i saw the nurse on monday and she told me that
+ no the other one
- Okay, so, uh,
+ how do i get there
- and also my
+ either is fine
- the pain gets worse when i'm
+ please tell him i called
- i'm not sure whether i
""",
    ),
    *_cases(
        "es",
        """
+ la cita es para mi madre
- vive cerca de la
+ tiene alergia a la penicilina
- nací el doce de
+ qué documentos tengo que llevar
- me va mejor el viernes porque
+ perfecto hasta mañana
- hay algo el miércoles o
- el dolor empezó hace
+ lo siento no le entiendo
- a ver un momento que
+ está muy lejos de la estación
- la enfermera me dijo que tenía que
+ el próximo martes a las cuatro
""",
    ),
    *_cases(
        "fr",
        """
+ le rendez-vous est pour ma mère
- elle habite près de la
+ elle est allergique à la pénicilline
- je suis né le douze
+ quels papiers faut-il apporter
- je préfère vendredi parce que je
+ parfait à demain
- vous avez quelque chose mercredi ou
- la douleur a commencé il y a
+ excusez-moi je n'ai pas compris
- attendez je
+ c'est loin de la gare
- l'infirmière m'a dit qu'il fallait
+ mardi prochain à seize heures
""",
    ),
    *_cases(
        "de",
        """
+ der termin ist für meine mutter
- sie wohnt in der
+ sie ist allergisch gegen penicillin
- ich bin geboren am zwölften
+ welche unterlagen soll ich mitbringen
- mir passt freitag besser weil ich
+ gut dann bis morgen
- haben sie etwas am mittwoch oder
- die schmerzen haben vor
+ entschuldigung das habe ich nicht verstanden
- moment ich
+ ist das weit vom bahnhof
- die schwester hat gesagt ich soll
+ nächsten dienstag um vier
""",
    ),
]
