<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Capture;

use Magento\Framework\App\Area;
use Magento\Framework\App\State;
use Magento\Framework\Exception\LocalizedException;
use Magento\Store\Model\Store;
use Magento\Store\Model\StoreManagerInterface;

/**
 * Returns the area, the store view, and whether a web request or a command runs.
 */
class ExecutionContext
{
    private const SERVER_COMMAND = 'server:run';
    private const WORKER_FUNCTION = 'frankenphp_handle_request';

    /**
     * @var State
     */
    private $state;

    /**
     * @var StoreManagerInterface
     */
    private $stores;

    /**
     * A worker remains one until its process ends.
     *
     * @var bool
     */
    private $isWorker = false;

    /**
     * @param State $state
     * @param StoreManagerInterface $stores
     */
    public function __construct(State $state, StoreManagerInterface $stores)
    {
        $this->state = $state;
        $this->stores = $stores;
    }

    /**
     * Returns whether a command runs; application servers, which answer web requests, are no commands.
     */
    public function isShell(): bool
    {
        return PHP_SAPI === 'cli' && !$this->isApplicationServer();
    }

    /**
     * Returns whether the process ends with the request, so that shutdown functions run after each.
     */
    public function endsWithRequest(): bool
    {
        return PHP_SAPI !== 'cli' && !$this->isApplicationServer();
    }

    /**
     * Magento's server on Swoole, workers of FrankenPHP and of RoadRunner handle many requests each.
     */
    private function isApplicationServer(): bool
    {
        if ($this->isFrankenPhpWorker() || getenv('RR_MODE') === 'http') {
            return true;
        }
        if (PHP_SAPI === 'cli' && in_array(self::SERVER_COMMAND, (array)($_SERVER['argv'] ?? []), true)) {
            return true;
        }
        foreach (['Swoole\\Coroutine', 'OpenSwoole\\Coroutine'] as $coroutine) {
            if (class_exists($coroutine, false) && $coroutine::getCid() > 0) {
                return true;
            }
        }

        return false;
    }

    /**
     * FrankenPHP marks a worker in $_SERVER, but only until it answers its first request. From then on, the caller shows
     * it.
     */
    private function isFrankenPhpWorker(): bool
    {
        if ($this->isWorker) {
            return true;
        }
        if (function_exists(self::WORKER_FUNCTION)) {
            $callers = array_column(debug_backtrace(DEBUG_BACKTRACE_IGNORE_ARGS), 'function');
            $this->isWorker = isset($_SERVER['FRANKENPHP_WORKER']) || in_array(self::WORKER_FUNCTION, $callers, true);
        }

        return $this->isWorker;
    }

    /**
     * Returns the area's code; null if none is set, as in most commands.
     */
    public function getArea(): ?string
    {
        try {
            return $this->state->getAreaCode();
        } catch (LocalizedException $exception) {
            return null;
        }
    }

    /**
     * Returns the current store view; 0 in the admin, in cron and in commands.
     */
    public function getStoreId(): int
    {
        $area = $this->getArea();
        if ($area === null || $area === Area::AREA_ADMINHTML || $area === Area::AREA_CRONTAB) {
            return Store::DEFAULT_STORE_ID;
        }

        return (int)$this->stores->getStore()->getId();
    }
}
