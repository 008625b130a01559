"""Words after which a full stop ends no sentence, of many languages together.

Before a lower-case letter it never does, so that only what stands before capitals and figures is
needed here. Words that may as well be the last of a sentence ("etc.", "usw.", "Inc.") are left out.
"""

# Before names and other capitals.
ANYWHERE = frozenset(
    # titles
    "dr mr mrs ms mx prof st rev gen hon messrs mt ft col maj sgt capt cmdr lt gov sen rep supt "
    "hr fr frl ing dipl univ hl geb sr sra srta dña exmo exma dra mme mlle mgr mm sig dott "
    "avv on arq lic ud uds dhr mevr mej drs mw ds ir inż hab ks płk red dl dna ø sn av cad sok mah "
    "doç yrd г гг ул им акад проф доц гр тов св обл пос вул бул κ κα κος δρ καθ αγ "
    # that introduce what follows
    "e.g i.e eg ie cf vs viz approx ca incl excl resp "
    "z.b d.h u.a i.d.r o.ä m.a.w vgl bzw sog evtl ggf insb usf zzgl inkl exkl bspw "
    "p.ej ej p.e p.ex v.gr es ecc p.es cfr par ex c.-à-d c.à.d env "
    "bijv d.w.z m.b.t o.a m.a.w t.a.v i.p.v bv nl "
    "bl.a f.eks f.ex t.ex d.v.s dvs osv m.m t.o.m fr.o.m s.k "
    "np tzn tj m.in tzw wg ul pl např mj tzv pozn vyd "
    "т.е т.к т.н т.о напр см ср п.п "
    "örn bkz yy pl ún ill kb pl.ü "
    "π.χ δηλ βλ πρβλ".split()
)
# Before figures: "no. 5" ends nothing, "The answer is no. Then" does.
BEFORE_FIGURES = frozenset(
    "no nos nr num núm nº art arts abs abschn anm bd bde kap ziff rn fig figs figg abb tab tabl eq "
    "eqs ch chap chs cap sec sect p pp pag pág págs pg s seite vol vols t ed eds al ver v ref "
    "min max jan feb febr mär apr jun jul aug sep sept oct okt nov dec dez déc févr avr juil ene "
    "abr ago dic mag giu lug set ott mrt mei č čl odst str strony rozdz poz гл рис стр табл т "
    "ст п пп др тыс № σελ εικ κεφ sk s-l bet fol f ff vv v.chr n.chr".split()
)
MONTHS = frozenset(  # after "3.", where they are written with capitals: German
    "Januar Jänner Februar März April Mai Juni Juli August September Oktober November Dezember "
    "Jan Feb Mär Apr Jun Jul Aug Sep Sept Okt Nov Dez Jahrhundert Jahrhunderts Jh Weltkrieg "
    "Weltkriegs Auflage Kapitel Absatz Satz".split()
)
