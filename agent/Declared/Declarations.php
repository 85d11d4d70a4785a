<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Declared;

use Magento\Framework\App\Cache\Type\Config as Cache;
use Magento\Framework\App\Config\ScopeConfigInterface;
use Magento\Store\Model\ScopeInterface;
use MagentoEventBridge\Agent\Fence;

/**
 * The shop's declarations, from Magento's configuration cache.
 */
class Declarations
{
    private const CACHE_ID = 'magento_eventbridge_declarations';
    private const SWITCHES = 'aws_eventbridge/events_declared/';

    /**
     * @var DeclarationReader
     */
    private $reader;

    /**
     * @var Cache
     */
    private $cache;

    /**
     * @var ScopeConfigInterface
     */
    private $config;

    /**
     * @var Fence
     */
    private $fence;

    /**
     * @var array|null
     */
    private $declared;

    /**
     * @param DeclarationReader $reader
     * @param Cache $cache
     * @param ScopeConfigInterface $config
     * @param Fence $fence
     */
    public function __construct(
        DeclarationReader $reader,
        Cache $cache,
        ScopeConfigInterface $config,
        Fence $fence
    ) {
        $this->reader = $reader;
        $this->cache = $cache;
        $this->config = $config;
        $this->fence = $fence;
    }

    /**
     * Returns the own events that come from a Magento event, by their names.
     *
     * @return array[]
     */
    public function ofMagentoEvent(string $event): array
    {
        return $this->all()['events'][$event] ?? [];
    }

    /**
     * Returns the own events for which an object is compared with its row, by the event before its save.
     *
     * @return array[]
     */
    public function comparedBefore(string $event): array
    {
        return $this->all()['before'][$event] ?? [];
    }

    /**
     * Returns the Magento events that own events come from.
     *
     * @return string[]
     */
    public function magentoEvents(): array
    {
        return array_keys($this->all()['events'] + $this->all()['before']);
    }

    /**
     * Returns the paths of fields that are added to documented events whose names begin so.
     *
     * @return string[]
     */
    public function pathsOf(string $prefix): array
    {
        $paths = [];
        foreach ($this->all()['additions'] as $name => $added) {
            if (strpos($name, $prefix) === 0) {
                $paths += $added;
            }
        }

        return array_keys($paths);
    }

    /**
     * Returns whether an own event is on in a store view; it is, unless a setting switches it off.
     */
    public function isOn(string $name, int $storeId): bool
    {
        $switch = $this->config->getValue(self::SWITCHES . $name, ScopeInterface::SCOPE_STORE, $storeId);

        return $switch === null || (bool)$switch;
    }

    /**
     * Returns all declarations.
     */
    private function all(): array
    {
        if ($this->declared === null) {
            $this->declared = ['events' => [], 'before' => [], 'additions' => []];
            $this->fence->run('reading declarations', function (): void {
                $cached = $this->cache->load(self::CACHE_ID);
                if (is_string($cached)) {
                    $this->declared = json_decode($cached, true) ?: $this->declared;
                    return;
                }
                $this->declared = $this->byUse($this->reader->read());
                $this->cache->save(json_encode($this->declared), self::CACHE_ID);
            });
        }

        return $this->declared;
    }

    /**
     * Returns the declarations by what uses them.
     */
    private function byUse(array $declarations): array
    {
        $declared = ['events' => [], 'before' => [], 'additions' => []];
        foreach ($declarations as $name => $declaration) {
            $paths = array_values($declaration['paths']);
            if (!$declaration['on']) {
                $declared['additions'][$name] = array_fill_keys($paths, true);
            }
            foreach ($declaration['on'] as $event => $trigger) {
                $isComparing = $declaration['changed'] || $trigger['save'] !== 'any';
                if ($isComparing && $trigger['object'] !== '' && substr($event, -11) === '_save_after') {
                    $declared['before'][substr($event, 0, -5) . 'before'][$name] = $trigger;
                }
                $declared['events'][$event][$name] = $trigger + [
                    'subject' => $declaration['subject'],
                    'changed' => $declaration['changed'],
                    'paths' => $paths,
                ];
            }
        }

        return $declared;
    }
}
