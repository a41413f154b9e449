"""Words for passphrases: common, short, unmistakable on paper. Four of them and the count give over 32 bits."""

WORDS = tuple(
    """
    acorn actor album alley amber anchor apple apron arbor arrow aspen attic autumn badge bagel bamboo banjo
    barley basil basket beacon beaver bench berry birch bishop bison bloom blossom border bottle boulder bramble
    branch brass breeze brick bridge bronze brook bucket buckle bugle butter button cabin cable cactus camel
    camera candle canoe canvas canyon captain caramel carbon cargo carpet carrot castle cedar celery cello
    cement cherry chestnut chimney cider cinder circle citrus clover cobalt cocoa coffee comet compass copper
    coral cotton cougar cradle crater cricket crimson crystal curtain custard dagger dahlia daisy dancer denim
    desert diesel dolphin domino donkey dragon drawer driver drummer eagle easel echo elbow elder ember emerald
    engine falcon feather fennel fern ferry fiddle finch flannel flint flute forest fossil fountain fox freckle
    garden garlic gecko ginger glacier goblet granite grape gravel guitar hammer hamlet harbor harvest hazel
    helmet heron hickory hollow honey hornet hotel iceberg indigo island ivory jacket jasmine jungle juniper
    kernel kettle kitten ladder lagoon lantern lavender lemon lentil lilac linen lizard lobster locket lotus
    lumber magnet mango maple marble market marlin meadow melon meteor mill mirror mitten moose mosaic mountain
    muffin mustard napkin nectar needle nickel nutmeg oak oasis ocean olive onion orange orchard orchid otter
    oyster paddle palace panda paper parrot pasture peach peanut pebble pelican pencil pepper piano pickle
    pigeon pilot pine pirate planet plaza plum pocket pollen pony poplar poppy potato prairie pretzel pumpkin
    puzzle quail quartz quilt rabbit radish raisin raven reef ribbon river robin rocket saddle saffron sailor
    salmon sandal satin saucer scarf sequoia shadow shell silver sparrow spinach spruce squash stable stone
    summit sunset swallow syrup table tango teapot thimble thistle thunder tiger timber tomato topaz tractor
    trumpet tulip tundra turnip turtle valley vanilla velvet violet violin walnut walrus willow window winter
    wizard wolf yarrow zebra zinc
    """.split()
)
