<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Watcher;

use Magento\Framework\ObjectManagerInterface;
use MagentoEventBridge\Agent\Capture\Toggles;

/**
 * Returns the watcher of an event, and creates it when a store view first wants one of its events.
 */
class Watchers
{
    /**
     * @var ObjectManagerInterface
     */
    private $objects;

    /**
     * @var Toggles
     */
    private $toggles;

    /**
     * @var string[]
     */
    private $names;

    /**
     * @var string[][]
     */
    private $prepares;

    /**
     * @param ObjectManagerInterface $objects
     * @param Toggles $toggles
     * @param string[] $names classes or virtual types, by the event's name
     * @param string[][] $prepares events of other watchers or of plugins that an event collects data for
     */
    public function __construct(
        ObjectManagerInterface $objects,
        Toggles $toggles,
        array $names = [],
        array $prepares = []
    ) {
        $this->objects = $objects;
        $this->toggles = $toggles;
        $this->names = $names;
        $this->prepares = $prepares;
    }

    /**
     * Returns the event's watcher; null if all events that it records are switched off.
     *
     * An event that only prepares others, as `…_save_before`, is needed if one of those is on.
     */
    public function of(string $event): ?WatcherInterface
    {
        $name = $this->names[$event] ?? null;
        if ($name === null) {
            return null;
        }
        $recorded = array_merge(array_keys($this->names, $name, true), array_values($this->prepares[$event] ?? []));
        if (!$this->toggles->isAnyOn($recorded)) {
            return null;
        }

        return $this->objects->get($name);
    }
}
