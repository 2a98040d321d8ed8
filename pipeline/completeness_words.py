"""Words that tell whether a caller goes on, for four languages; all in folded form, as `flow_words` folds them.

An ending is one to four words, the last of what was said so far; where several endings fit, the longest says it. So `i think
so` ends although `so` goes on. A language that is not listed here has no words, and only signs that hold for any language.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

LONGEST_ENDING = 4
_REPEATED = re.compile(r"(.)\1+")


@dataclass(frozen=True, slots=True)
class TurnWords:
    """What one language says in the middle of a turn and at its end."""

    hums: frozenset[str]
    """Sounds of thinking; repeated letters written once."""
    fillers: frozenset[str]
    """Words that hold the turn when they stand at the end."""
    goes_on: frozenset[str]
    """Endings that need something after them."""
    wavers: frozenset[str]
    """Endings that mostly have something after them."""
    ends: frozenset[str]
    """Endings that need nothing more."""
    standing: frozenset[str]
    """Words that stand alone because of the accent they are written with; the only ones that are not folded."""
    clauses: frozenset[str]
    """Words that open a clause, which needs a verb."""
    asks: frozenset[str]
    """Words that ask for something, and so stand in for what is missing at the end."""
    verbs: frozenset[str]
    """Verbs and pronouns that are found in most sentences."""
    particles: frozenset[str]
    """A verb and the small word that ends its sentence."""
    reach: int
    """How many words before its particle a verb may stand."""
    stranded: frozenset[str]
    """Prepositions that may end a question."""
    before_stranded: frozenset[str]
    """What such a preposition follows, where it ends one."""
    modals: frozenset[str]
    """Verbs that wait for an infinitive at the very end."""
    heads: frozenset[str]
    """Words and sentences before an answer that add nothing to it."""
    tails: frozenset[str]
    """The same after it."""
    greets: frozenset[str]
    """Greetings."""
    settles: frozenset[str]
    """Last words of thanks, partings and short answers, beside yes and no."""
    series: tuple[frozenset[str], ...]
    """Words that make a list when they stand side by side."""


@lru_cache(maxsize=4096)
def squeezed(word: str) -> str:
    """Letters written once, so that a hum is the same however long it is."""
    return _REPEATED.sub(r"\1", word)


def is_hum(word: str, words: TurnWords) -> bool:
    # One letter alone is one that was spelled, or what an apostrophe left.
    return len(word) > 1 and squeezed(word) in words.hums


def _set(*words: str) -> frozenset[str]:
    return frozenset(" ".join(words).split())


def _phrases(*lines: str) -> frozenset[str]:
    """Endings of several words, parted by commas."""
    return frozenset(phrase.strip() for line in lines for phrase in line.split(","))


def _each(first: str, second: str) -> frozenset[str]:
    """Every one of the first words with every one of the second."""
    return frozenset(" ".join(pair) for pair in product(first.split(), second.split()))


def _days(words: str) -> tuple[frozenset[str], ...]:
    return tuple(_set(line) for line in words.split("/"))


_ENGLISH = TurnWords(
    hums=_set("um uh er erm uhm em eh ah hm m mhm"),
    fillers=_set("well so like oh actually basically"),
    goes_on=_set(
        "and or but because cause if when while whether although though since unless until than as which whose a an the "
        "my your our their its every another each to for from in on at with about of by into onto between without during "
        "before after towards around near under over per i we they he she is are am was were be been im ive id ill ll m d "
        "ve re has had would could should might will very can let lets mr mrs ms doctor dr"
    )
    | _each("can could do does did are will would have should may what who where when how why", "i you we they he she")
    | _each("i we they you", "want need like have get would had am are was were can could will")
    | _each("can could would you i we", "please")
    | _each("let it that he she there here what where who how when", "s")
    | _phrases(
        "would like, d like, want to, need to, have to, like to, going to, able to, name is, trying to, see if, ask if",
        "know if, if you, when you, that you, what you, so that, such as, as well as, a bit, a little, kind of, sort of",
        "a lot of, can t you, would you like, look for, i said, i mean, you know, i think, i guess, i wonder, wondering",
        "i was, i just, i also, i still, calling about, speak with, it looks, i d, on the, the first, the next, the last",
        "and then, i already, i really, what about, how about, number is, birthday is, address is, problem is, thing is",
        "date of birth is, looking for, how much, how many",
    ),
    wavers=_set(
        "have need want get got make book see take give bring put some any this that these those his her not t s also "
        "just then new other only least really do does did say says said what how why where who two three next last first "
        "maybe perhaps probably tell show find change reschedule move send call feel feels come go"
    ),
    ends=_phrases(
        "that s it, that s all, that s right, that s fine, that s correct, i think so, i hope so, i guess so, of course",
        "or so, of course not, how are you, where are you, who are you, what for, not yet, not really, i see, thank you",
        "see you, me too, do i need, do i have to, i do, i did, i don t, i can t, i won t, is that, was that, is this",
        "of this, about this, of that, about that, with that, for that, like that, do that, hear that, say that",
        "repeat that, need that, know that, as well, or not, why not, i m not, it s not, is not, hold on, come on, go on",
        "go ahead, please do, to see you, you too, a m, p m, so much, and so on, or something, or anything, is it like",
        "it s like, if you like, as you like, last week, next week, let me know, should i do, can i do, do i do",
        "this week, oh no, yes please, no please, okay please, can i come in, yes it is, no it isn t, yes i am",
        "yes i have, yes i can, yes we have, hers, where is it, what is it, how is it, when is it, where is that",
        "who is it, when was it, no i have not, ok then",
    )
    | _set("please him them mine yours too soon now today tomorrow tonight yesterday here there it me us you instead"),
    standing=frozenset(),
    clauses=_set("because if when while although since unless whether that"),
    asks=_set("what who whom where which how why when whose"),
    verbs=_set(
        "i you we they he she it is are am was were have has had do does did can could will would should need want like "
        "make book see take come came go goes going get got call called lost hurts works open close cost costs cancel "
        "speak talk know tell give m re ll d s ve prefer"
    ),
    particles=_phrases(
        "come in, check in, call back, ring back, phone back, hang up, sign up, pick up, put through, drop off, drop by",
        "fill in, fill out, find out, call off, go ahead, come over, turn up, show up, log in, move on, move up",
        "move over, make up, throw up, walk in, walking in, coming in, came in, hold on, carry on, go on, come by",
        "stop by, call in, coming over, take off, ran out, run out, bring in, bring along, pass out, passed out, take in",
        "write down, sit down, lie down, get back, get in, get up",
    ),
    reach=3,
    stranded=_set("for from in on at to with about of like near by"),
    before_stranded=_set(
        "it you they we she he that this i them him her talk speak come coming look looking wait waiting ask go going "
        "located based pay get park stand live write listen called"
    ),
    modals=frozenset(),
    heads=_set(
        "please hello hi hey well so oh okay ok yes yeah yep no right sure then maybe actually and alright great but "
        "perhaps just thanks"
    )
    | _phrases(
        "thank you, good morning, good afternoon, good evening, i think, i d like, i would like, let s say, make it, it s"
    ),
    tails=_set("please thanks then maybe ok okay bye cheers sir")
    | _phrases(
        "thank you, thank you very much, thanks a lot, if possible, i think, thank you so much, that s right, if you can"
    ),
    greets=_set("hello hi hey") | _phrases("good morning, good afternoon, good evening, good day"),
    settles=_set("thanks bye goodbye cheers please you lot much"),
    series=_days(
        "monday tuesday wednesday thursday friday saturday sunday mondays tuesdays wednesdays thursdays fridays/"
        "january february april june july august september october november december"
    ),
)
_SPANISH = TurnWords(
    hums=_set("eh em um uh er ah hm m mhm"),
    fillers=_set("este esto pues bueno entonces digamos osea mire oiga"),
    goes_on=_set(
        "y e o u pero porque aunque si cuando mientras que como donde pues ni sino el la los las un una unos unas lo mi "
        "mis tu tus su sus nuestro nuestra este estos estas ese esos esas cada otro otra algun alguna ningun a al de del "
        "en con por para sin sobre desde hasta entre hacia segun contra ante durante me te se nos le les yo ellos ella es "
        "son soy estoy esta estan estamos era fue hay he ha hemos han tengo tiene tenemos quiero quiere quisiera querria "
        "queria quisieramos necesito necesitamos puedo podria puede pueden podrian debo voy va vamos gustaria muy tan mas "
        "doctor doctora senor senora llamo"
    )
    | _phrases(
        "me gustaria, me llamo, mi nombre es, a ver, o sea, es que, lo que, ya que, asi que, tengo que, hay que, para que",
        "por que, a las, a la, de la, en el, por la, a eso de, me duele, me duelen, me puede, me podria, no se si",
        "la verdad es que, a lo mejor, queria saber, quisiera saber, quiero saber, podria decirme, puede decirme, buenos",
        "el proximo, la proxima, me da, numero es, telefono es, direccion es, acabo de, alrededor de, antes de",
        "despues de, cerca de, queria preguntar, puede por favor, podria por favor, ustedes tienen",
    ),
    wavers=_set(
        "usted ustedes decir decirme pedir hacer ver tener saber dar cambiar reservar coger tomar buscar preguntar "
        "necesita tienen mucho mucha algo no quizas tambien solo cual cuanto cuantos cuantas cuanta dos tres primer "
        "proximo poder ir llamaba llama hace ya"
    ),
    ends=_phrases(
        "eso es, eso es todo, asi es, por favor, de acuerdo, por supuesto, nada mas, algo mas, no mas, uno mas",
        "una vez mas, muchas gracias, como esta, como estan, donde estan, donde esta, cuanto es, quien es, que es",
        "que hora es, que hay, no se, no lo se, no puedo, si puedo, si tengo, no tengo, si es, no es, creo que si",
        "creo que no, claro que si, por que no, y usted, y ustedes, si quiero, no quiero, ya esta, aqui esta, esta bien",
        "muy bien, con ella, para ella, con usted, para usted, a usted, o no, todavia no, aun no, ahora no, tambien no",
        "la una, a la una, puede ser, el dia dos, el dia tres, hay algo, lo siento, no hay, que tienen, cuanto hay",
        "de ustedes, que puedo hacer, que tengo que hacer, no necesito, yo tambien, si tambien, mejor no, cada dia",
        "en casa, no importa, da igual, a que hora, no me acuerdo, buenos dias, buenas tardes, buenas noches",
        "cuanto cuesta, cuanto vale, tanto, hasta luego, hasta manana, para ver, esta semana, esta manana, esta tarde",
        "esta noche",
    )
    | _set("repetirlo gracias adios vale hoy manana ayer ahora aqui ahi alli nada todo"),
    standing=frozenset({"sí", "él", "mí", "tú"}),
    clauses=_set("porque si cuando aunque que mientras"),
    asks=_set("que quien donde cuando cual cuales cuanto cuanta cuantos cuantas"),
    verbs=_set(
        "es son soy estoy esta estan hay he ha tengo tiene tienen quiero quisiera queria necesito puedo puede podria voy "
        "viene llamo duele gustaria me prefiero abren cierran cuesta vale aceptan hacer pedir cambiar cancelar anular "
        "perdido"
    ),
    particles=frozenset(),
    reach=0,
    stranded=frozenset(),
    before_stranded=frozenset(),
    modals=frozenset(),
    heads=_set("gracias hola si no vale bueno pues claro perfecto entonces mejor oiga mire y perdon perdone ok buenas pero")
    | _phrases(
        "por favor, muchas gracias, buenos dias, buenas tardes, buenas noches, de acuerdo, creo que, a ver, quisiera, es"
    ),
    tails=_set("gracias adios vale mejor") | _phrases("por favor, muchas gracias, hasta luego, si puede ser, si es posible"),
    greets=_set("hola buenas") | _phrases("buenos dias, buenas tardes, buenas noches, buen dia"),
    settles=_set("gracias favor acuerdo adios luego ok"),
    series=_days(
        "lunes martes miercoles jueves viernes sabado domingo sabados domingos/"
        "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre"
    ),
)
_FRENCH = TurnWords(
    hums=_set("euh heu hum hm m eh um uh mhm"),
    fillers=_set("ben bah alors donc bon enfin voyons disons genre"),
    goes_on=_set(
        "et ou mais car parce que qu si quand lorsque puisque comme dont qui ni or le la les l un une des du de d au aux "
        "a en dans sur sous pour par avec sans chez vers entre depuis pendant avant apres jusqu jusque contre selon mon "
        "ma mes ton ta tes son sa ses notre nos votre vos leur leurs ce cet cette ces chaque quel quelle quels quelles je "
        "j tu il ils elles on nous vous me m te t se s n ne c y est sont suis es etes sommes etait ai as avez avons ont "
        "avait voudrais veux aimerais souhaite souhaiterais peux peut pouvez pourrais pourriez dois doit faut faudrait "
        "vais va allons tres plus trop docteur monsieur madame appelle"
    )
    | _phrases(
        "il y a, y a t il, est ce que, est ce qu, parce que, pour que, c est, c est le, c est pour, avez vous",
        "pouvez vous, je m appelle, mon nom est, je voulais, je voulais savoir, je voudrais savoir, a partir de",
        "j ai besoin de, j aimerais bien, au sujet de, a propos de, j appelle, j appelle pour, avant de, je ne, je n",
        "ca ne, le prochain, la prochaine, vous pouvez, vous avez, rendez vous avec, numero c est, numero est, j ai mal",
        "j ai mal a, en fait, du coup, je crois que, je pense que, quel est, quelle est, besoin de",
    ),
    wavers=_set(
        "prendre faire voir avoir savoir demander changer annuler parler venir pas quelque aussi peu beaucoup encore "
        "seulement etre plutot prochain premier deux trois voulais besoin rendez dire donner envoyer combien quoi comment "
        "bonne pourquoi mal mieux moins"
    ),
    ends=_phrases(
        "c est ca, c est tout, c est bon, ca va, comment allez vous, ou etes vous, ou est ce, ce que c est",
        "s il vous plait, s il te plait, et vous, pour vous, avec vous, chez vous, a vous, merci a vous, non plus",
        "rien de plus, de plus, pas du tout, je ne sais pas, je sais pas, je ne peux pas, je peux pas, bien sur, d accord",
        "au revoir, a bientot, a demain, je ne crois pas, pourquoi pas, pas encore, ou pas, ou non, je veux bien",
        "je ne veux pas, oui j ai, je n ai pas, pas mal, tres bien, moi aussi, pour lui, avec lui, pour elle, avec elle",
        "pour moi, c est combien, ca coute combien, que faire, quoi faire, qui est ce, rendez vous, un rendez vous",
        "mon rendez vous, le rendez vous, ce rendez vous, de rendez vous, deux rendez vous, je suis la, etes vous la",
        "est la, elle est la, il est la, sont la, ce jour la, a ce moment la, c est possible, qu il faut, ce qu il faut",
        "il le faut, encore une fois, bonne journee, bonne soiree, entre les deux, tous les deux, a quelle heure",
    )
    | _set("hein merci demain hier ici rien tout toi moi lui ca"),
    standing=frozenset({"là", "où"}),
    clauses=_set("que qu quand si lorsque puisque comme"),
    asks=_set("qui quoi ou quand comment combien pourquoi quel quelle quels quelles"),
    verbs=_set(
        "je j vous il elle on nous c est sont suis ai avez a ont voudrais veux peux puis pouvez faut vais voudrait prends "
        "prendre coute annuler ouvrez fermez ouvert perdu ca va voulais aimerais dois"
    ),
    particles=frozenset(),
    reach=0,
    stranded=frozenset(),
    before_stranded=frozenset(),
    modals=frozenset(),
    heads=_set("merci bonjour bonsoir oui non ouais ok bon ben alors donc et parfait plutot salut pardon mais disons")
    | _phrases("s il vous plait, merci beaucoup, d accord, tres bien, je crois, je pense, c est, je voudrais, ce sera"),
    tails=_set("merci plutot") | _phrases("s il vous plait, s il te plait, merci beaucoup, au revoir, si possible, merci bien"),
    greets=_set("bonjour bonsoir salut allo"),
    settles=_set("merci plait accord revoir beaucoup bien journee bientot"),
    series=_days(
        "lundi mardi mercredi jeudi vendredi samedi dimanche/"
        "janvier fevrier mars avril mai juin juillet aout septembre octobre novembre decembre"
    ),
)
_GERMAN = TurnWords(
    hums=_set("ah ahm ohm oh hm m eh uh uhm mhm"),
    fillers=_set("also naja tja halt sozusagen quasi na"),
    goes_on=_set(
        "und oder aber weil denn dass ob wenn als falls damit obwohl sondern sowie bis der die das den dem des ein eine "
        "einen einem einer eines mein meine meinen meinem meiner dein ihr ihre ihren ihrem ihrer sein seine seinen seinem "
        "seiner unser unsere unseren euer kein keine keinen jeden jede jedes jeder dieser diese diesen diesem welchen "
        "welche welcher am im zum zur vom beim ins fur von bei wegen ohne gegen durch zwischen seit um nach aus in ich "
        "wir er man ist sind bin war waren wird werden wurde hatte hatten habe hat haben kann konnen konnte konnten "
        "mochte mochten will wollen wollte muss mussen soll sollte darf durfte sehr zu doktor herr frau heisse"
    )
    | _each("konnen konnten haben sind wollen mussen durfen wurden kann hat", "sie ich wir er mir")
    | _each("sie ich wir mir", "bitte")
    | _phrases(
        "ich hatte gern, ich hatte gerne, ich wurde gern, ich wurde gerne, ich wollte, mein name ist, ich heisse",
        "es geht um, und zwar, ich mochte, ich brauche, ich rufe an wegen, ich rufe an weil, konnen sie mir",
        "konnten sie mir, wissen sie, ob sie, wenn sie, dass sie, dass ich, wie viel, wie lange, so dass, nummer ist",
        "adresse ist, guten, geht es, gibt es, ich glaube, ich meine, ich hatte, es ist, das ist, das war, wo ist",
        "wann ist, wo sind, der nachste, die nachste, den nachsten, das heisst, vor allem",
    ),
    wavers=_set(
        "mit auf an ab vor mir mich uns nicht gern gerne brauche suche nehme noch schon auch nur mal vielleicht "
        "eigentlich wo wann wer wie was warum wieviel sie zwei drei erste ersten nachsten nachste kommenden heute morgen "
        "wieder oft immer ungefahr etwa doch jetzt da"
    ),
    ends=_phrases(
        "das ist es, ich glaube schon, das ist alles, das war es, das war s, das war alles, wie geht es ihnen, und ihnen",
        "und sie, ich auch, oder nicht, noch nicht, gar nicht, ich nicht, weiss ich nicht, weiss nicht, geht nicht",
        "passt nicht, kann nicht, kann ich nicht, nein danke, ja bitte, ja gerne, sehr gerne, bitte schon, danke schon",
        "wo sind sie, wer sind sie, wie bitte, noch mal, noch einmal, und so weiter, oder so, ist das, war das",
        "kostet das, geht das, heisst das, brauche ich, muss ich, bin ich, wie ist das, ich bin da, sind sie da, nicht da",
        "vielen dank, auf wiedersehen, auf wiederhoren, fur mich, mit mir, bei ihnen, zu ihnen, von ihnen, mit ihnen",
        "nicht mehr, um eins, morgen fruh, heute noch, passt mir, passt gut, in ordnung, mach ich, das ist er",
        "das ist sie, ja das ist es, ja habe ich, ja hab ich, ja ich bin es, ja bin ich, nein habe ich nicht, ja kann ich",
        "wie viel ist das, guten tag, guten morgen, guten abend, jetzt schon, geht es heute, geht es morgen, sie heute",
        "sie morgen, ich heute, ich morgen, auch morgen, auch heute, erst morgen, erst heute, ab morgen, fur heute",
        "fur morgen, bis morgen, bis dann, bis bald, von heute, von morgen, frei ist, offen haben, geoffnet haben",
        "moglich ist, notig ist",
    )
    | _set("danke bitte tschuss okay genau ubermorgen gestern"),
    standing=frozenset(),
    clauses=_set("weil wenn dass ob falls als da damit"),
    asks=_set("was wer wen wem wo wann wie warum welche welcher welchen welches wohin woher wieviel wofur"),
    verbs=_set(
        "ich sie wir er es ist sind bin war habe hat haben hatte mochte kann konnen will brauche muss geht gibt passt "
        "kommt komme kostet rufe heisse suche nehme machen macht arbeitet hab wurde wollte"
    ),
    particles=_each("rufe ruft rufen ruf rief melde melden bieten biete nehmen fange fangt fangen hort kommt komme", "an")
    | _each("komme kommt kommen bringe bringen nehme nehmen teile teilen", "mit")
    | _each("mache macht machen haben hat habe hore horen stehe lege legen passe passen schreibe schreiben nehme nehmen", "auf")
    | _each("sage sagen hole holt holen lehne gebe geben melde hangt lauft schicke nehmen nehme", "ab")
    | _each("mache machen sehe sieht fallt fallen fullen fulle kenne gehe gehen rechne stelle stellen kommt", "aus")
    | _each("habe haben stelle stellen lese lesen lege schlage schlagen kommt ziehe komme", "vor")
    | _each("mache macht machen hore horen stimme schicke schicken trifft sende senden", "zu")
    | _each("trage tragen gebe geben nehme nehmen richte plane planen lade fallt schicke", "ein")
    | _each("schaue schauen sehe sehen frage fragen", "nach")
    | _each("bringe bringen buche buchen ziehe", "um"),
    reach=12,
    stranded=frozenset(),
    before_stranded=frozenset(),
    modals=_set(
        "mochte mochten kann konnen konnte konnten will wollen wollte wollten muss mussen soll sollen darf durfen wurde"
    ),
    heads=_set("bitte danke hallo ja nein okay ok gut also dann und genau gerne lieber prima super aber vielleicht")
    | _phrases("guten tag, guten morgen, vielen dank, danke schon, ich glaube, ich mochte, es ist"),
    tails=_set("bitte danke gerne gern lieber") | _phrases("vielen dank, danke schon, bitte schon, wenn es geht, wenn moglich"),
    greets=_set("hallo servus moin") | _phrases("guten tag, guten morgen, guten abend, gruss gott, schonen guten tag"),
    settles=_set("danke dank schon bitte wiederhoren wiedersehen tschuss gern gut prima super"),
    series=_days(
        "montag dienstag mittwoch donnerstag freitag samstag sonntag/januar februar marz april mai juni juli august september "
        "oktober november dezember"
    ),
)
_NOTHING = frozenset[str]()
_NONE = TurnWords(
    hums=_NOTHING,
    fillers=_NOTHING,
    goes_on=_NOTHING,
    wavers=_NOTHING,
    ends=_NOTHING,
    standing=_NOTHING,
    clauses=_NOTHING,
    asks=_NOTHING,
    verbs=_NOTHING,
    particles=_NOTHING,
    reach=0,
    stranded=_NOTHING,
    before_stranded=_NOTHING,
    modals=_NOTHING,
    heads=_NOTHING,
    tails=_NOTHING,
    greets=_NOTHING,
    settles=_NOTHING,
    series=(),
)

TURN_WORDS = {"en": _ENGLISH, "es": _SPANISH, "fr": _FRENCH, "de": _GERMAN}


def turn_words(language: str) -> TurnWords:
    return TURN_WORDS.get(language, _NONE)
