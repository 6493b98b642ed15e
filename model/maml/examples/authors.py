"""Openings of works in the public domain, in lower-case letters and spaces: one author, one style."""

_TEXTS = {
    "shakespeare": """
        shall i compare thee to a summers day thou art more lovely and more temperate rough winds do
        shake the darling buds of may and summers lease hath all too short a date sometime too hot
        the eye of heaven shines and often is his gold complexion dimmd and every fair from fair
        sometime declines by chance or natures changing course untrimmd but thy eternal summer shall
        not fade nor lose possession of that fair thou owst""",
    "austen": """
        it is a truth universally acknowledged that a single man in possession of a good fortune
        must be in want of a wife however little known the feelings or views of such a man may be on
        his first entering a neighbourhood this truth is so well fixed in the minds of the
        surrounding families that he is considered as the rightful property of some one or other of
        their daughters""",
    "burns": """
        wee sleekit cowrin timrous beastie o what a panics in thy breastie thou need na start awa
        sae hasty wi bickering brattle i wad be laith to rin an chase thee wi murdring pattle im
        truly sorry mans dominion has broken natures social union an justifies that ill opinion
        which makes thee startle at me thy poor earth born companion an fellow mortal""",
    "goethe": """
        wer reitet so spaet durch nacht und wind es ist der vater mit seinem kind er hat den knaben
        wohl in dem arm er fasst ihn sicher er haelt ihn warm mein sohn was birgst du so bang dein
        gesicht siehst vater du den erlkoenig nicht den erlenkoenig mit kron und schweif mein sohn
        es ist ein nebelstreif du liebes kind komm geh mit mir gar schoene spiele spiel ich mit dir
        manch bunte blumen sind an dem strand""",
    "hugo": """
        demain des l aube a l heure ou blanchit la campagne je partirai vois tu je sais que tu m
        attends j irai par la foret j irai par la montagne je ne puis demeurer loin de toi plus
        longtemps je marcherai les yeux fixes sur mes pensees sans rien voir au dehors sans entendre
        aucun bruit seul inconnu le dos courbe les mains croisees triste et le jour pour moi sera
        comme la nuit""",
    "dante": """
        nel mezzo del cammin di nostra vita mi ritrovai per una selva oscura che la diritta via era
        smarrita ahi quanto a dir qual era e cosa dura esta selva selvaggia e aspra e forte che nel
        pensier rinova la paura tant e amara che poco e piu morte ma per trattar del ben ch io vi
        trovai diro de l altre cose ch i v ho scorte io non so ben ridir com io v intrai tant era
        pien di sonno a quel punto""",
    "cervantes": """
        en un lugar de la mancha de cuyo nombre no quiero acordarme no ha mucho tiempo que vivia un
        hidalgo de los de lanza en astillero adarga antigua rocin flaco y galgo corredor una olla de
        algo mas vaca que carnero salpicon las mas noches duelos y quebrantos los sabados lentejas
        los viernes algun palomino de anadidura los domingos consumian las tres partes de su
        hacienda""",
    "virgil": """
        arma virumque cano troiae qui primus ab oris italiam fato profugus laviniaque venit litora
        multum ille et terris iactatus et alto vi superum saevae memorem iunonis ob iram multa
        quoque et bello passus dum conderet urbem inferretque deos latio genus unde latinum
        albanique patres atque altae moenia romae musa mihi causas memora quo numine laeso quidve
        dolens regina deum tot volvere casus insignem pietate virum""",
    "camoes": """
        as armas e os baroes assinalados que da ocidental praia lusitana por mares nunca de antes
        navegados passaram ainda alem da taprobana em perigos e guerras esforcados mais do que
        prometia a forca humana e entre gente remota edificaram novo reino que tanto sublimaram e
        tambem as memorias gloriosas daqueles reis que foram dilatando a fe o imperio e as terras
        viciosas de africa e de asia andaram devastando""",
}
AUTHORS = {name: " ".join(text.split()) for name, text in _TEXTS.items()}
