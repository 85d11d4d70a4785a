<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Capture;

use Magento\Framework\App\Config\ScopeConfigInterface;
use Magento\Store\Model\ScopeInterface;
use Magento\Store\Model\StoreManagerInterface;
use MagentoEventBridge\Agent\Gate;

/**
 * Reads which events are switched on in which store views.
 */
class Toggles
{
    private const SECTION = 'aws_eventbridge';

    /**
     * @var ScopeConfigInterface
     */
    private $config;

    /**
     * @var StoreManagerInterface
     */
    private $stores;

    /**
     * @var string[][]
     */
    private $paths;

    /**
     * @param ScopeConfigInterface $config
     * @param StoreManagerInterface $stores
     * @param string[][] $paths of each event, the settings of which one must be on
     */
    public function __construct(ScopeConfigInterface $config, StoreManagerInterface $stores, array $paths = [])
    {
        $this->config = $config;
        $this->stores = $stores;
        $this->paths = $paths;
    }

    /**
     * Returns whether the event is switched on in the store view.
     */
    public function isOn(string $event, int $storeId): bool
    {
        foreach ($this->paths[$event] ?? [] as $path) {
            if ($this->config->isSetFlag($path, ScopeInterface::SCOPE_STORE, $storeId)) {
                return true;
            }
        }

        return false;
    }

    /**
     * Returns whether one of the events is switched on in at least one store view.
     *
     * Nothing is cached: a consumer may run for days, and switches change meanwhile.
     *
     * @param string[] $events
     * @return bool
     */
    public function isAnyOn(array $events): bool
    {
        $paths = [];
        foreach ($events as $event) {
            $paths += array_flip($this->paths[$event] ?? []);
        }
        if (!$paths) {
            return false;
        }
        $switchedOn = $this->config->getValue(Gate::SWITCHED_ON);
        if (is_string($switchedOn)) {
            return (bool)array_intersect_key($paths, array_flip(explode(',', $switchedOn)));
        }
        // Without the list, as where another module replaced the class that it is added in.
        $paths = array_keys($paths);
        if ($this->hasFlag($this->config->getValue(self::SECTION), $paths)) {
            return true;
        }
        foreach ($this->storeIds() as $id) {
            $section = $this->config->getValue(self::SECTION, ScopeInterface::SCOPE_STORE, $id);
            if ($this->hasFlag($section, $paths)) {
                return true;
            }
        }

        return false;
    }

    /**
     * Returns whether one of the settings is on. Reading the section once is faster than each setting alone.
     *
     * @param array|null $section
     * @param string[] $paths
     * @return bool
     */
    private function hasFlag($section, array $paths): bool
    {
        foreach ($paths as $path) {
            list(, $group, $field) = explode('/', $path);
            $value = $section[$group][$field] ?? null;
            if ($value && strtolower((string)$value) !== 'false') {
                return true;
            }
        }

        return false;
    }

    /**
     * Returns the IDs of the store views; the admin's scope has the default values.
     *
     * @return int[]
     */
    private function storeIds(): array
    {
        return array_map('intval', array_keys($this->stores->getStores()));
    }
}
