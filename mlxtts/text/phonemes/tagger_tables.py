"""English words whose part of speech does not depend on others (see `tagger`), Penn tags."""


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


CLOSED = {
    tag: _set(words)
    for tag, words in {
        "DT": "the a an this these those every each some any no another either neither both all",
        "PRP": "i you he she it we they me him us them myself yourself himself herself itself "
        "ourselves yourselves themselves mine yours hers ours theirs everyone everybody someone "
        "somebody anyone anybody nobody everything something anything nothing",
        "PRP$": "my your his its our their whose",
        "IN": "of in on at by for with from into onto upon about above below over under between "
        "among through during before after since until till against without within behind beyond "
        "near across along around despite per via toward towards inside outside beneath beside "
        "besides than as if because although though while whereas unless whether throughout",
        "MD": "will would can could shall should may might must cannot 'll ll ca wo sha ought",
        "CC": "and or but nor yet &",
        "WP": "who whom what",
        "WDT": "which",
        "WRB": "how when where why",
        "RB": "not n't never always often usually sometimes rarely seldom just only also even "
        "still already soon now then here very too so quite rather really almost nearly "
        "again once twice perhaps maybe together today tomorrow yesterday tonight ever away "
        "however therefore instead otherwise well far later early ago else more most less least "
        "finally",
        "RP": "up down out off back",
        "VB": "let please go come make take give know think want need say see tell ask try help "
        "keep find put feel leave hope seem look wait sit stand hear bring buy send plan decide "
        "promise believe remember forget begin start stop learn play run walk write speak hold",
        "VBZ": "is has does 's goes comes makes takes gives knows thinks wants needs says sees "
        "tells asks tries helps keeps finds puts feels leaves hopes seems looks waits sits stands "
        "hears brings buys sends plans decides begins starts stops learns plays runs walks writes "
        "speaks holds",
        "VBP": "am are do have 'm 're 've re ve",
        "VBD": "was were had did 'd said went came made took gave knew thought saw told felt left "
        "began wrote spoke held kept found heard brought bought sent sat stood ran got became "
        "heard met lost paid won sang drew flew grew fell ate drank",
        "VBN": "been done gone made taken given known seen written spoken become",
        "VBG": "being having doing",
        "JJ": "good bad new old big small great long little other own same different few many "
        "much several last next first second third high low large young important public own "
        "whole free full hot cold warm deep dark bright short strong heavy right wrong true false "
        "red green blue black white such annual daily weekly monthly clear recent local main",
        "CD": "one two three four five six seven eight nine ten eleven twelve twenty thirty forty "
        "fifty sixty seventy eighty ninety hundred thousand million billion trillion",
        "TO": "to",
        "EX": "there",
        "UH": "yes oh hello hi hey",
    }.items()
}
TAGS = {word: tag for tag, words in CLOSED.items() for word in words}
SUBJECTS = {"i", "he", "she", "we", "they", "you", "it", "who", "everyone", "everybody", "nobody"}
OBJECTS = {"me", "him", "us", "them", "her"}
DETERMINERS = {"DT", "PRP$", "POS", "CD", "WDT"}
QUANTITIES = _set("some any no every each another few many several most more all both such")
BE = _set("be is are was were am been being 's 're 'm re")
HAVE = _set("have has had having 've ve")
DO = _set("do does did don doesn didn")
CAUSES = _set("let lets make makes made making help helps helped see saw watch watched hear")
LINKS = _set(
    "stay stays stayed keep keeps kept get gets got gotten getting feel feels felt look looks "
    "looked seem seems seemed remain remains remained become becomes became stand stood come "
    "came comes draw draws drew sit sat sits hold holds held lie lay lies move moves moved go "
    "went broadcast perform performed streamed stream shown played aired recorded"
)
DEGREES = _set("very so too quite more most less as how really extremely fairly rather")
SUBORDINATORS = _set(
    "if because although though while whereas unless whether since when where why until before "
    "after that as than what how"
)
TO_A_THING = _set(
    "due according close closer next prior thanks contrary access subject devoted committed "
    "addicted addition response reply answer back opposed objection approach introduction key came "
    "comes come leads led lead returned returns return went goes go been"
)
"""Before "to": what follows is a thing."""
FIRM = _set("that there her to a in by no have had get got been be can could will would")
"""Words that sound in two ways, but not by what part of speech they are."""
PASTS = {"read", "reread", "wound", "dove"}
"""Pasts that look like another word."""
PAST_SIGNS = _set("yesterday ago last already earlier once was were had before")
PRESENT_SIGNS = _set(
    "always often usually every sometimes rarely seldom now daily today each weekly"
)
LED = _set(
    "pipe pipes paint poisoning pencil pencils metal ore acid battery bullet bullets shot "
    "weights contamination solder"
)
MINUTE = _set(
    "detail details amount amounts quantity quantities trace traces particle particles "
    "difference differences fraction inspection crack cracks"
)
BASS = _set(
    "guitar guitars player players drum drums line lines clarinet singer voice note notes clef "
    "solo speaker speakers amp amplifier"
)
BASS_SIGNS = _set("play plays played playing sing sings sang band music song jazz loud")
LED_SIGNS = _set("zinc copper tin iron mercury arsenic metal metals toxic molten")
