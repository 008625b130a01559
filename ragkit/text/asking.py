"""The words that ask, of many languages: a passage that answers seldom has them.

A question counts as answerable by the share of its words that stand in a passage. "Wie hoch ist die
Miete?" has five, and the lease that says it two or three of them. English ones are left out of
queries altogether (``languages.ENGLISH``), as was measured; these only count nothing where they
stand in no passage at all. Verbs and adjectives that mean something are not among them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache

from ragkit.text.folding import lowered, plain, unaccented
from ragkit.text.languages import ENGLISH, FUNCTION_WORDS

# Beside FUNCTION_WORDS, of which these languages have some more or none.
QUESTION_WORDS = {
    "de": "wer wen wem wessen was wann wo wohin woher warum wieso weshalb wie wieviel wieviele"
    " welche welcher welches welchen welchem wofür womit wozu wodurch kann können darf"
    " dürfen muss müssen gibt hat haben wird werden war sind ich man du wir ihr er sie es"
    " mir mich mein meine einen einem einer eines zum zur bei nach aus um am viel viele"
    " lange kostet kosten",
    "fr": "qui que quoi quel quelle quels quelles quand où comment pourquoi combien lequel"
    " laquelle ce cet cette ces c t il elle on y ils elles je nous vous mon ma mes son sa"
    " ses peut peux faut dois doit a ont en coûte coûtent",
    "es": "quién quiénes qué cuál cuáles cuándo dónde adónde cómo cuánto cuánta cuántos cuántas"
    " hay puede puedo pueden debe son está están fue mi me lo le sus este esta esto hace"
    " cuesta cuestan",
    "it": "chi che cosa cos quale quali qual quando dove dov come com perché quanto quanta"
    " quanti quante c ci può posso deve devo mi mio mia al alla le lo i costa costano",
    "pt": "quem que qual quais quando onde como porque quanto quanta quantos quantas há pode"
    " posso deve devo são está foi meu minha custa custam",
    "nl": "wie wat wanneer waar waarom hoe hoeveel welke welk kan kun mag moet heeft hebben"
    " wordt worden er je jij men veel lang kost kosten",
    "sv": "vem vad när var vart varför hur vilken vilket vilka kan får måste finns ska du man"
    " många mycket länge kostar",
    "da": "hvem hvad hvornår hvor hvorfor hvordan hvilken hvilket hvilke kan må skal findes du"
    " man mange meget længe koster",
    "no": "hvem hva når hvor hvorfor hvordan hvilken hvilket hvilke kan må skal finnes du man"
    " mange mye lenge koster",
    "fi": "kuka ketä kenen mikä mitkä milloin koska missä mistä mihin miksi miten kuinka"
    " paljonko montako monta onko voiko saako voi millainen kauanko maksaa",
    "tr": "kim kime kimin neden niçin niye nasıl nerede nereye nereden hangi kaç zaman mi mı mu"
    " mü nedir kimdir kadar",
    "hu": "ki kit kinek mi mit mikor hol hová honnan miért hogyan mennyi hány melyik milyen"
    " lehet szabad van sok",
    "ro": "cine ce când unde cum cât câtă câți câte poate trebuie sunt",
    "ru": "кто кого кому кем чего чему чем когда где куда откуда почему зачем сколько какой"
    " какая какое какие какого каков какова который которая которые чей ли можно нужно"
    " есть был была было были мне я ты вы мы она оно они о стоит",
    "uk": "хто кого кому що чого коли де куди звідки чому навіщо як скільки який яка яке які чи"
    " можна треба є був була було були це та і в у на з до не за для по про коштує",
    "pl": "kto kogo komu co czego kiedy gdzie dokąd skąd dlaczego czemu jak ile jaki jaka jakie"
    " który która które czy można trzeba jest są był była było w i na z do nie się to od"
    " po kosztuje",
    "cs": "kdo koho co čeho kdy kde kam odkud proč jak kolik jaký jaká jaké který která které"
    " zda lze je jsou byl byla bylo v na z do se stojí",
    "vi": "ai gì nào đâu khi bao giờ nhiêu lâu sao tại vì mấy là có không được của và cho các"
    " này",
    "id": "siapa apa kapan dimana mana mengapa kenapa bagaimana berapa apakah yang dan di ke"
    " dari itu ini adalah untuk dengan bisa boleh ada harga",
    "ca": "qui què quin quina quins quines quan on com per quant quanta quants quantes és són"
    " hi ha pot el la els les de i un una es està costa",
    "el": "ποιος ποια ποιο ποιοι ποιες τι πότε πού που πώς πως γιατί πόσο πόση πόσος πόσα πόσοι"
    " πόσες είναι το τα ο η οι του της των και να για με σε από στο στη στην την τον",
    "ar": "من ما ماذا متى أين كيف كم لماذا هل أي أية هو هي هذا هذه في على إلى عن",
    "fa": "چه کی کجا کجاست چرا چگونه چطور چقدر چند کدام آیا چیست کیست است هست هستند در از به با"
    " را که",
    "ur": "کون کیا کب کہاں کیوں کیسے کتنا کتنی کتنے کس ہے ہیں کا کی کے میں سے کو",
    "he": "מי מה מתי איפה היכן לאן מאין מדוע למה איך כיצד כמה איזה איזו אילו האם יש הוא היא של"
    " את",
    "hi": "कौन क्या कब कहाँ कहां क्यों कैसे कितना कितनी कितने किस किसने किसे है हैं का की के"
    " में से को",
    "bn": "কে কী কি কখন কোথায় কেন কীভাবে কিভাবে কত কোন কার কাকে হয় আছে",
    "ta": "யார் என்ன எப்போது எங்கே ஏன் எப்படி எவ்வளவு எத்தனை எந்த எது",
}  # fmt: skip

# Of scripts that put no spaces between words, and of Korean: Chinese with the verb before it.
ASKING = re.compile(
    "[是有要在到为為会會]?(?:什[么麼](?:时候|時候)?|[怎多][么麼](?:[样樣办辦])?|如何|[为為]何|多少"
    "|多[长長](?:时间|時間)?|多[久大]|[几幾]|哪[些个個里裡]?|[是能可]否|[吗嗎呢]|[请請][问問])"
    "|[はがをにで]?(?:いくら|いくつ|どこ|どれ|どの|どう|どんな|なぜ|いつ|だれ|[誰何](?=[ぁ-ん]))"
    "|(?:[でま]す|でした|ました|ません)か?|でしょうか?|とは|ください"
    "|얼마|어디|언제|누[구가]|무엇|무슨|어떤|어떻게|어느|왜|몇|뭐|있나요|[입습]?니까|[이예]?[에예]요"
    "|[은인]가요|나요"
    "|เท่าไห?ร่?|ที่ไหน|เมื่อไห?ร่?|อะไร|ใคร|ทำไม|อย่างไร|ยังไง|กี่|ไหม|ไหน|หรือ(?:ไม่|เปล่า)|ครับ|ค[่ะ]+"
    "|ເທົ່າໃດ|ຫຍັງ|ໃຜ|ໃດ|ບໍ່?|ແນວໃດ|អ្វី|ណា|ទេ|យ៉ាងម៉េច|ហេតុអ្វី|ប៉ុន្មាន"
    "|ဘယ်(?:လောက်|သူ|မှာ|လို|တော့)?|ဘာ|သ?လဲ|လား"
)


def bare(word: str) -> str:
    """Return a word as the lists below have it: small, without accents, behind an elision.

    >>> bare("Qu’est"), bare("Cuánto")
    ('est', 'cuanto')
    """
    return plain(unaccented(lowered(word, ""))).rpartition("'")[2]


@cache  # for the first question: an ingest asks nothing
def _lists() -> Mapping[str, frozenset[str]]:
    names = {**dict.fromkeys(QUESTION_WORDS), **dict.fromkeys(FUNCTION_WORDS)}
    return {
        name: frozenset(
            map(bare, f"{QUESTION_WORDS.get(name, '')} {FUNCTION_WORDS.get(name, '')}".split())
        )
        for name in names
        if name != "en"
    }


COSTS = frozenset(("cost", "costs"))  # in English: "how much does it cost" asks for a price
HOW = frozenset(("how", "wie", "hoe", "hur", "hvor"))


def asks_in_english(word: str) -> bool:
    """Say whether a word is one of English that asks or joins, as "what's" is too.

    What is denied may tell: with "don't" the best sentence is quoted more often.

    >>> [asks_in_english(word) for word in ("Which", "What’s", "you'll", "don't", "Bob's", "rent")]
    [True, True, True, False, False, False]
    """
    head, _, tail = word.lower().replace("’", "'").partition("'")
    return head in ENGLISH and tail != "t"


def asking_words(words: Sequence[str]) -> list[str]:
    """Return those of a question's words that ask or join, in the language that most of them are.

    Where English has as many it is that: "die" and "war" mean something there. What stands behind
    "how" asks too, as in "how long".

    >>> asking_words(["Wie", "hoch", "ist", "die", "Miete"])
    ['Wie', 'hoch', 'ist', 'die']
    >>> asking_words(["How", "many", "soldiers", "die", "in", "a", "long", "war"])
    ['many']
    """
    small = [bare(word) for word in words]
    lists = _lists()
    best = max(lists, key=lambda name: sum(word in lists[name] for word in small))
    asking = lists[best]
    if sum(map(asks_in_english, words)) >= sum(word in asking for word in small):
        asking = COSTS
    before = ["", *small]
    return [
        word
        for word, own, last in zip(words, small, before, strict=False)
        if own in asking or last in HOW
    ]
